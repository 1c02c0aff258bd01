import { ARMS, type Arm, type EdgeStatus, type PolicyBundle } from '#domain/contracts';
import type { EdgeFacts } from '../edge-facts';
import type { Counter } from '../metrics';
import { bundleOf, type LiveSnapshot } from '../snapshot';
import { grantLines } from './grant-lines';

/** What this edge really serves and how it fares. */
export function edgeStatus(facts: EdgeFacts, nowMs: number): EdgeStatus {
  const { config, metrics, state } = facts;
  const { level, stoppedCampaigns } = facts.kill();
  return {
    schemaVersion: 1,
    edgeId: config.edgeId,
    fleet: config.fleet,
    bootId: facts.bootId,
    startedAtMs: facts.startedAtMs,
    nowMs,
    notReady: facts.notReady(),
    serving: serving(facts),
    kill: { level, quarantinedAgents: facts.quarantined(), stoppedCampaigns: [...stoppedCampaigns] },
    controlPlane: config.controlPlaneUrl === null ? null : { reachable: facts.reachable() },
    refusals: [...facts.holder.refusals].reverse(),
    traffic: {
      requestsPerSecond: state.live.requestRate(nowMs),
      requests: metrics.requests.total,
      bids: metrics.bids.total,
      noBids: rows(metrics.noBids, (stage, reason, count) => ({ stage, reason, count })),
      fallbacks: rows(metrics.fallbacks, (agent, reason, count) => ({ agent, reason, count })),
      internalErrors: metrics.internalErrors.total,
    },
    exchanges: metrics.quality.read(),
    latency: metrics.stages.quantiles(),
    loopLag: metrics.loopLag.read(),
    outbox: outbox(facts),
    budget: { openReservations: state.reservations.size, grants: grantLines(state.ledger) },
  };
}

function serving(facts: EdgeFacts): EdgeStatus['serving'] {
  const { holder, lease } = facts;
  const { live } = holder;
  const snapshot = live?.snapshot ?? null;
  return {
    snapshotId: snapshot?.snapshotId ?? null,
    version: snapshot?.version ?? null,
    issuedAtMs: snapshot?.issuedAtMs ?? null,
    campaigns: snapshot?.campaigns.length ?? 0,
    creatives: snapshot?.creatives.length ?? 0,
    exchanges: Object.keys(snapshot?.exchanges ?? {}),
    withoutPriceKey: Object.values(snapshot?.exchanges ?? {})
      .filter((exchange) => !facts.prices.canRead(exchange))
      .map(({ exchange }) => exchange),
    arms: live === null ? [] : arms(facts, live),
    shadows: live?.shadows.map(({ rolloutId, sampleBps }) => ({ rolloutId, sampleBps })) ?? [],
    canaryLapses: lease.lapses,
  };
}

function arms(facts: EdgeFacts, live: LiveSnapshot): EdgeStatus['serving']['arms'] {
  const canary = facts.canary();
  const canaryBps = canary?.shareBps ?? 0;
  // While an experiment whose control is not the champion is served, everybody else gets that control.
  const served = canary !== null && live.underTest !== null ? live.underTest : live;
  return ARMS.filter((arm) => arm === 'champion' || live.snapshot.canary !== null).map((arm: Arm) => {
    const breaker = served.models[arm]?.breaker;
    return {
      arm,
      rolloutId: arm === 'canary' ? (live.snapshot.canary?.rolloutId ?? null) : null,
      shareBps: arm === 'canary' ? canaryBps : 10_000 - canaryBps,
      leaseLeftMs: arm === 'canary' ? facts.lease.leftMs : null,
      policies: policies(bundleOf(served.snapshot, arm)),
      breaker: breaker === undefined ? null : { isOpen: breaker.isOpen, trips: breaker.trips },
    };
  });
}

const policies = (bundle: PolicyBundle): EdgeStatus['serving']['arms'][number]['policies'] =>
  Object.values(bundle).map(({ agent, modelVersionId, artifact }) => ({
    agent,
    modelVersionId,
    model: artifact !== null,
  }));

function outbox({ commit, config, metrics, segments }: EdgeFacts): EdgeStatus['outbox'] {
  return {
    isOpen: commit.isOpen,
    bytes: segments.bytes,
    maxBytes: config.outboxMaxBytes,
    segmentsWaiting: segments.waiting,
    pendingBytes: commit.pendingBytes,
    shed: rows(metrics.shed, (name, _, count) => ({ class: name, count })),
    faults: rows(metrics.outboxFaults, (code, _, count) => ({ code, count })),
    segments: rows(metrics.shipped, (result, _, count) => ({ result, count })),
  };
}

/** Series of a counter, the highest first. */
function rows<T>(counter: Counter, read: (a: string, b: string, count: number) => T): T[] {
  const sorted = counter.read().sort((a, b) => b.count - a.count);
  return sorted.map(({ values: [a = '', b = ''], count }) => read(a, b, count));
}
