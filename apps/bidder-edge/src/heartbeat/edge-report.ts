import { MAX_LATE_BILLS, type HeartbeatRequest } from '#domain/contracts';
import type { EdgeFacts } from '../edge-facts';

/** What a heartbeat says: what this edge really serves, spends and holds. */
export function edgeReport(facts: EdgeFacts): HeartbeatRequest {
  const { config, holder, metrics, segments, state } = facts;
  return {
    edgeId: config.edgeId,
    fleet: config.fleet,
    bootId: facts.bootId,
    sentAtMs: Date.now(),
    snapshotId: holder.live?.snapshot.snapshotId ?? null,
    snapshotVersion: holder.live?.snapshot.version ?? null,
    refusedSnapshot: holder.lastRefusal,
    servingCanary: facts.canary(),
    killLevel: facts.kill().level,
    quarantinedAgents: facts.quarantined(),
    counters: { ...metrics.totals(), canaryLapses: facts.lease.lapses },
    outboxBytes: segments.bytes,
    draining: facts.draining(),
    grants: state.ledger.reports(),
    lateBills: state.ledger.late.oldest(MAX_LATE_BILLS),
  };
}
