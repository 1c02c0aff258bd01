import {
  AGENTS,
  killFileSchema,
  killOrderFault,
  killOrderSchema,
  killRank,
  killScopeKey,
  lowersKill,
  type Agent,
  type KillLevel,
  type KillOrder,
  type PolicySnapshot,
} from '#domain/contracts';
import type { KeyRing } from '../snapshot/verify-signed';

/** What became of a kill file that was read. */
export type KillVerdict =
  | 'accepted'
  | 'unchanged'
  | 'malformed'
  | 'unsigned'
  | 'older-seq'
  | 'needs-two-keys'
  | 'other-fleet'
  | 'unsupported-scope';

/** Orders in force: one for the fleet or cell, one per campaign; persisted with the last sequence number. */
export interface KillState {
  seq: number;
  orders: KillOrder[];
}

/** Effect on this edge right now. */
export interface KillEffect {
  level: KillLevel;
  agents: Agent[];
  stoppedCampaigns: ReadonlySet<string>;
}

/** From this level on everybody is served by the champion or by nobody. */
export const stopsCanary = (level: KillLevel): boolean => killRank(level) >= killRank('champion-only');
const NOTHING: ReadonlySet<string> = new Set();

/** Kill orders of one edge: accepts signed files, remembers what is in force. Pure but for its own memory. */
export class KillOrders {
  private kept: { snapshot: PolicySnapshot | null; state: KillState; effect: KillEffect } | null = null;

  constructor(
    private readonly fleet: string,
    private readonly keys: KeyRing,
    private state: KillState = { seq: 0, orders: [] },
  ) {}

  get current(): KillState {
    return this.state;
  }

  /** Judges a kill file's text. An order in force stays when the file disappears; only a newer order replaces it. */
  read(text: string): KillVerdict {
    const order = this.open(text);
    if (typeof order === 'string') return order;
    if (order.order.seq === this.state.seq) return 'unchanged';
    if (order.order.seq < this.state.seq) return 'older-seq';
    if (order.order.scope.fleet !== this.fleet) return 'other-fleet';
    const { level } = order.order;
    if (killOrderFault(order.order) !== null) return 'unsupported-scope';
    const isSame = (other: KillOrder): boolean => killScopeKey(other) === killScopeKey(order.order);
    if (lowersKill(order.order, this.state.orders.find(isSame)) && order.signers.size < 2) return 'needs-two-keys';
    const others = this.state.orders.filter((other) => !isSame(other));
    this.state = { seq: order.order.seq, orders: level === 'none' ? others : [...others, order.order] };
    return 'accepted';
  }

  /** Strongest of the orders in force and the snapshot's own switch; asked for several times a request, so kept while both stand. */
  effect(snapshot: PolicySnapshot | null): KillEffect {
    const { kept } = this;
    if (kept !== null && kept.snapshot === snapshot && kept.state === this.state) return kept.effect;
    const effect = this.effectNow(snapshot);
    this.kept = { snapshot, state: this.state, effect };
    return effect;
  }

  private effectNow(snapshot: PolicySnapshot | null): KillEffect {
    let level: KillLevel = snapshot?.kill.level ?? 'none';
    const agents = new Set<Agent>(level === 'quarantine-agent' ? snapshot?.kill.agents : []);
    let stopped: Set<string> | null = null;
    for (const order of this.state.orders) {
      if (order.scope.campaignId !== undefined) {
        (stopped ??= new Set()).add(order.scope.campaignId);
        continue;
      }
      if (order.scope.cell !== undefined && order.scope.cell !== snapshot?.cell) continue;
      if (killRank(order.level) > killRank(level)) level = order.level;
      for (const agent of AGENTS) if (order.agents.includes(agent)) agents.add(agent);
    }
    return { level, agents: [...agents], stoppedCampaigns: stopped ?? NOTHING };
  }

  private open(text: string): { order: KillOrder; signers: Set<string> } | 'malformed' | 'unsigned' {
    try {
      const file = killFileSchema.safeParse(JSON.parse(text));
      if (!file.success) return 'malformed';
      const signers = new Set<string>();
      for (const { signature } of file.data.signatures) {
        const signer = this.keys.signerOf(file.data.payload, signature);
        if (signer !== null) signers.add(signer);
      }
      if (signers.size === 0) return 'unsigned';
      const order = killOrderSchema.safeParse(JSON.parse(file.data.payload));
      return order.success ? { order: order.data, signers } : 'malformed';
    } catch {
      // Not JSON: half written, or no kill file at all. It is read again in a second.
      return 'malformed';
    }
  }
}
