import type { CanaryLeaseHolder, ServedCanary } from './canary';
import type { EdgeConfig } from './config';
import type { UserHistories } from './histories';
import type { KillEffect } from './kill';
import type { EdgeMetrics } from './metrics';
import type { NoticeSigner, PriceReader } from './notices';
import type { GroupCommit, SegmentStore } from './outbox';
import type { SnapshotHolder } from './snapshot';
import type { EdgeState } from './state';

/** What heartbeat, gauges and the admin port may ask of the running edge; none of them changes it. */
export interface EdgeFacts {
  readonly config: EdgeConfig;
  readonly bootId: string;
  /** Wall clock, ms. */
  readonly startedAtMs: number;
  readonly metrics: EdgeMetrics;
  readonly state: EdgeState;
  readonly histories: UserHistories;
  readonly commit: GroupCommit;
  readonly segments: SegmentStore;
  readonly holder: SnapshotHolder;
  readonly lease: CanaryLeaseHolder;
  readonly prices: PriceReader;
  readonly signer: NoticeSigner;
  /** The canary really served now; null without one, without its lease or without its budget. */
  canary(): ServedCanary | null;
  kill(): KillEffect;
  /** Agents that run their baselines here, by order or by an open breaker. */
  quarantined(): string[];
  /** Whether the control plane was heard of lately; false for an edge that runs alone. */
  reachable(): boolean;
  /** Null when bids may be made, else why not. */
  notReady(): string | null;
  /** Brings in what the bidding threads have counted; null where there are none. */
  readonly refresh: (() => Promise<void>) | null;
  /** The edge is shutting down. */
  draining(): boolean;
}
