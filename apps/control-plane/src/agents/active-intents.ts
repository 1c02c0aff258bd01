import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import {
  AGENT_INTENT_KINDS,
  type AgentIntentKind,
  agentActionSchemas,
  type ServedIntents,
  servedIntentsSchema,
} from '#domain/contracts/agent-intents';
import { type LedgerEntryV1, type Message, payloadOf } from '#domain/contracts/message';

/** Kinds whose newest entry holds until it is replaced or expires. */
const HELD: ReadonlySet<string> = new Set([
  ...AGENT_INTENT_KINDS,
  'weights.changed',
  'autonomy.changed',
  'agent.quarantined',
]);
/** Where each kind stands in a snapshot. */
const MEMBER: Record<AgentIntentKind, keyof ServedIntents> = {
  'budget.allocated': 'allocations',
  'pacing.target': 'pacing',
  'creative.explore': 'explore',
  'bid.conservative': 'conservative',
  'frequency.saturated': 'saturated',
};

/** An intent that holds. */
export interface ActiveIntent {
  kind: string;
  subject: string;
  seq: number;
  action: Record<string, unknown>;
  reason: string;
  expiresAt: string | null;
}

/** The intents that hold: a projection of the ledger, kept by the messages that tell of its entries. */
@Injectable()
export class ActiveIntents {
  constructor(private readonly database: DataSource) {}

  /** Takes in entries of the ledger, in any order and more than once: the newest of each kind and subject stays. */
  async apply(messages: readonly Message[], manager: EntityManager): Promise<void> {
    const newest = new Map<string, LedgerEntryV1>();
    for (const message of messages) {
      const entry = payloadOf(message);
      if (entry === null)
        throw new Error(`${message.topic} version ${message.schemaVersion} is not known to this build`);
      const key = `${entry.kind}|${entry.subject}`;
      if (HELD.has(entry.kind) && entry.seq > (newest.get(key)?.seq ?? 0)) newest.set(key, entry);
    }
    const entries = [...newest.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
    if (entries.length === 0) return;
    await manager.query(
      `INSERT INTO active_intent (kind, subject, seq, action, reason, expires_at)
       SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::jsonb[], $5::text[], $6::timestamptz[])
       ON CONFLICT (kind, subject) DO UPDATE
         SET seq = excluded.seq, action = excluded.action, reason = excluded.reason, expires_at = excluded.expires_at
       WHERE active_intent.seq < excluded.seq`,
      [
        entries.map((entry) => entry.kind),
        entries.map((entry) => entry.subject),
        entries.map((entry) => entry.seq),
        entries.map((entry) => JSON.stringify(entry.action)),
        entries.map((entry) => entry.reason),
        entries.map((entry) => entry.expiresAt),
      ],
    );
  }

  /** What holds at `nowMs`, by kind and subject. */
  async list(nowMs: number, manager: EntityManager = this.database.manager): Promise<ActiveIntent[]> {
    const rows = await manager.query<
      (Omit<ActiveIntent, 'seq' | 'expiresAt'> & { seq: string; expires_at: Date | null })[]
    >(
      `SELECT kind, subject, seq, action, reason, expires_at FROM active_intent
       WHERE expires_at IS NULL OR expires_at > $1 ORDER BY kind, subject`,
      [new Date(nowMs)],
    );
    return rows.map(({ seq, expires_at, ...row }) => ({
      ...row,
      seq: Number(seq),
      expiresAt: expires_at?.toISOString() ?? null,
    }));
  }

  /** What edges must know of it; undefined while no agent has announced anything. */
  async served(manager: EntityManager, nowMs: number): Promise<ServedIntents | undefined> {
    const served: Record<keyof ServedIntents, object[]> = {
      allocations: [],
      pacing: [],
      explore: [],
      conservative: [],
      saturated: [],
    };
    let count = 0;
    for (const { kind, action, expiresAt } of await this.list(nowMs, manager)) {
      if (!isAgentKind(kind) || expiresAt === null) continue;
      const read = agentActionSchemas[kind].safeParse(action);
      // An action of another version is not for this build's edges; the ledger keeps it.
      if (!read.success) continue;
      served[MEMBER[kind]].push({ ...read.data, expiresAtMs: Date.parse(expiresAt) });
      count += 1;
    }
    return count === 0 ? undefined : servedIntentsSchema.parse(served);
  }

  /** Deletes what expired long ago; the ledger has it. */
  async prune(nowMs: number): Promise<void> {
    await this.database.query('DELETE FROM active_intent WHERE expires_at < $1', [new Date(nowMs - 86_400_000)]);
  }
}

const isAgentKind = (kind: string): kind is AgentIntentKind => Object.hasOwn(agentActionSchemas, kind);

/** Whether a message tells of an intent that snapshots carry. */
export function isServed(message: Message): boolean {
  return isAgentKind(String(message.payload.kind));
}
