import { Injectable } from '@nestjs/common';
import type { PolicySnapshot } from '#domain/contracts/policy-snapshot';
import type { HeartbeatRequest, HeartbeatResponse } from '#domain/contracts/edge-protocol';
import { ControlPlaneConfig } from '../config';
import { ProblemError } from '../problems/problem-error';
import { allocationKey, BudgetLedger, type LeaseAnswer } from './budget-ledger.service';
import { CanaryLeases } from './canary-leases.service';
import { EdgeFleet } from './edge-fleet.service';
import { SnapshotSigner } from './snapshot-signer';
import { SnapshotStore } from './snapshot-store';

/** Before the first snapshot there is nothing to spend. */
const NOTHING: LeaseAnswer = { grants: [], bookedLateBills: [] };

/** Answers an edge's heartbeat: what is newest, whether its canary may go on, and what it may spend. */
@Injectable()
export class HeartbeatService {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly fleet: EdgeFleet,
    private readonly snapshots: SnapshotStore,
    private readonly leases: CanaryLeases,
    private readonly ledger: BudgetLedger,
    private readonly signer: SnapshotSigner,
  ) {}

  /** @throws ProblemError `invalid-input` when the edge belongs to another fleet. */
  async beat(heartbeat: HeartbeatRequest): Promise<HeartbeatResponse> {
    if (heartbeat.fleet !== this.config.fleet) {
      const detail = `this control plane serves fleet ${this.config.fleet}`;
      throw new ProblemError('invalid-input', detail, [{ pointer: '/fleet', code: 'wrong-fleet', detail }]);
    }
    const nowMs = Date.now();
    await this.fleet.record(heartbeat, nowMs);
    const latest = await this.snapshots.latest(this.config.cell);
    const lease = await this.leases.current(this.config.cell, nowMs);
    const answer = latest ? await this.settle(heartbeat, latest.snapshotId, lease?.shareBps ?? 0, nowMs) : NOTHING;
    return {
      snapshotVersion: latest?.version ?? null,
      canaryLease: lease ? this.signer.sign(lease) : null,
      ...answer,
      serverTimeMs: nowMs,
    };
  }

  /** Books the report, and grants for the campaigns of the newest snapshot: those that the edge serves or is about to. */
  private async settle(heartbeat: HeartbeatRequest, snapshotId: string, canaryShareBps: number, nowMs: number) {
    const snapshot = await this.snapshots.snapshot(snapshotId);
    return this.ledger.lease({
      edgeId: heartbeat.edgeId,
      bootId: heartbeat.bootId,
      nowMs,
      reports: heartbeat.grants,
      lateBills: heartbeat.lateBills,
      campaigns: snapshot.campaigns,
      trafficShares: snapshot.champion.budget.params.trafficShares,
      allocations: allocationsOf(snapshot, nowMs),
      canaryShareBps: snapshot.canary ? Math.min(canaryShareBps, snapshot.canary.shareBps) : 0,
      liveEdges: await this.fleet.liveEdges(nowMs),
      draining: heartbeat.draining,
    });
  }
}

/** What Budget has allocated to campaigns for their days (`budget.allocated`), micros of their currencies. */
function allocationsOf({ agentIntents }: PolicySnapshot, nowMs: number): ReadonlyMap<string, number> {
  const alive = (agentIntents?.allocations ?? []).filter(({ expiresAtMs }) => expiresAtMs > nowMs);
  return new Map(alive.map(({ campaignId, day, amountMicros }) => [allocationKey(campaignId, day), amountMicros]));
}
