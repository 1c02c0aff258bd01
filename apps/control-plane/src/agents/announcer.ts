import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { type AgentAction, type AgentIntentKind, agentActionSchemas, subjectOf } from '#domain/contracts/agent-intents';
import type { Intent } from '#domain/contracts/intent';
import { appendIntent } from '../ledger/append-intent';

const PUBLISHER = {
  'budget.allocated': 'budget',
  'pacing.target': 'budget',
  'creative.explore': 'creative',
  'bid.conservative': 'bid',
  'frequency.saturated': 'frequency',
} as const satisfies Record<AgentIntentKind, Intent['publisher']>;

/** One intent that an agent means to publish. */
export interface Announcement<K extends AgentIntentKind = AgentIntentKind> {
  kind: K;
  action: AgentAction<K>;
  reason: string;
  expiresAtMs: number;
  /** What makes it one with an earlier announcement of the same: `kind/subject/period`. */
  period: string;
}

/** Writes agents' intents to the ledger, each once: announcing again, from any process, changes nothing. */
@Injectable()
export class Announcer {
  constructor(private readonly database: DataSource) {}

  /** @returns how many were new. @throws ZodError when an action breaks its contract. */
  async announce(announcements: readonly Announcement[]): Promise<number> {
    const intents = announcements.map(intentOf);
    const known = await this.known(intents.map(({ key }) => key));
    const fresh = intents.filter(({ key }) => !known.has(key));
    if (fresh.length === 0) return 0;
    await this.database.transaction(async (manager) => {
      for (const intent of fresh) await appendIntent(manager, intent);
    });
    return fresh.length;
  }

  /** Which of these keys the ledger has, with their actions. */
  async known(keys: readonly string[]): Promise<Map<string, Record<string, unknown>>> {
    const rows = await this.database.query<{ key: string; action: Record<string, unknown> }[]>(
      'SELECT key, action FROM intent WHERE key = ANY($1)',
      [keys],
    );
    return new Map(rows.map((row) => [row.key, row.action]));
  }
}

/** Ledger key of an announcement. */
export const keyOf = (kind: AgentIntentKind, subject: string, period: string): string => `${kind}/${subject}/${period}`;

function intentOf({ kind, action, reason, expiresAtMs, period }: Announcement): Intent {
  const subject = subjectOf(kind, action);
  return {
    key: keyOf(kind, subject, period),
    kind,
    publisher: PUBLISHER[kind],
    subject,
    action: agentActionSchemas[kind].parse(action),
    reason,
    expiresAt: new Date(expiresAtMs).toISOString(),
  };
}
