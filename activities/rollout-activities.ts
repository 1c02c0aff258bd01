/** Activities of `rollOutPolicy` and `validateInShadow`: each does one thing for the workflow, idempotently. */
import { Context } from '@temporalio/activity';
import type { Agent, Intent, RolloutPlan, RolloutState, Verdict } from '#domain/contracts';

/** Fields of a rollout that its row mirrors; `seq` fences late retries: a lower one never overwrites a higher one. */
export interface RolloutRow {
  rolloutId: string;
  seq: number;
  state: RolloutState;
  stage: number;
  look: number;
  verdict: Verdict | null;
  evidenceDigest: string | null;
  reason: string;
  waitingFor: string | null;
  /** The whole view of the workflow, for the API. */
  view: unknown;
}

export interface RolloutSubject {
  rolloutId: string;
  cell: string;
  agent: Agent;
  candidateId: string;
}

export interface Fault {
  pointer: string;
  code: string;
  detail: string;
}

/** The rollout's rows and the serving pointers, behind the control plane's repositories. */
export interface RolloutStore {
  /** Takes the (cell, agent) lock if it is free; pins the champion of that moment as the roll-back target. */
  claim(subject: RolloutSubject): Promise<{ claimed: boolean; holder: string | null; rollbackTargetId: string | null }>;
  save(row: RolloutRow): Promise<void>;
  /** Sets what the rollout serves. Throws CANARY_BUSY while another rollout of the cell serves a canary. */
  serve(input: { rolloutId: string; seq: number; stage: number; shareBps: number }): Promise<void>;
  serveShadow(input: { rolloutId: string; sampleBps: number }): Promise<void>;
  /** Makes the candidate champion if the champion still is `expectedChampionId`; ends the canary in the same step. */
  promote(
    input: RolloutSubject & { key: string; expectedChampionId: string; actor: string; evidenceDigest: string },
  ): Promise<{ promoted: boolean; championId: string }>;
  /** Ends canary and shadow and, if the candidate is champion, puts the target back. Repeating it changes nothing. */
  restore(
    input: RolloutSubject & { key: string; seq: number; targetId: string; actor: string; reason: string },
  ): Promise<void>;
  release(rolloutId: string): Promise<void>;
  appendApproval(approval: ApprovalRow): Promise<void>;
}

export interface ApprovalRow {
  approvalId: string;
  rolloutId: string;
  stage: number;
  evidenceDigest: string;
  approver: string;
  decision: 'approve' | 'reject';
  reason: string;
  expiresAtMs: number;
}

/** One look, without the sums it was computed from: those are stored with the look. */
export interface LookResult {
  look: number;
  atMs: number;
  verdict: Verdict;
  catastrophe: boolean;
  reason: string;
  digest: string;
  decisions: { canary: number; control: number };
  primaryEvents: { canary: number; control: number };
  /** Worst and best bound of the primary metric, for the Temporal UI. */
  primary: { effect: number; lower: number; upper: number } | null;
}

export interface TakeLookInput extends RolloutSubject {
  key: string;
  stage: number;
  look: number;
  plan: RolloutPlan;
  openedAtMs: number;
}

/** Evaluates a stage from the KPI sums and stores the look under (rollout, stage, look). */
export interface LookTaker {
  take(input: TakeLookInput, atMs: number): Promise<LookResult>;
}

export interface ShadowSummary {
  n: number;
  errors: number;
  outOfBounds: number;
  latencyUsP99: number;
  meanBidRatio: number;
  meanSurplusDifferenceMicros: number;
  surplusStandardErrorMicros: number;
}

/** A request for a rollout, as its row keeps it. */
export interface NewRollout extends RolloutSubject {
  fleet: string;
  plan: RolloutPlan;
  requestedBy: string;
}

export interface RolloutPorts {
  store: RolloutStore;
  /** Writes the rollout's row unless it is there. */
  open(rollout: NewRollout): Promise<void>;
  /** Faults of plan and subject: all of them, not the first. */
  lint(input: RolloutSubject & { plan: RolloutPlan }): Promise<Fault[]>;
  publish(reason: string): Promise<{ version: number }>;
  acknowledged(version: number): Promise<{ acknowledged: string[]; stragglers: string[] }>;
  lease: {
    renew(input: { rolloutId: string; stage: number; shareBps: number; seconds: number }): Promise<void>;
    end(rolloutId: string, reason: string): Promise<void>;
  };
  looks: LookTaker;
  shadowSummary(input: { rolloutId: string; sinceMs: number; untilMs: number }): Promise<ShadowSummary>;
  appendIntent(intent: Intent): Promise<void>;
  now(): number;
}

const LEASE_SECONDS = 120;

/** Closures over `ports`; their names are the activity types. */
export function createRolloutActivities(ports: RolloutPorts) {
  return {
    ...createDeliveryActivities(ports),

    async lintRollout(input: RolloutSubject & { plan: RolloutPlan }): Promise<{ faults: Fault[] }> {
      return { faults: await ports.lint(input) };
    },

    async openRollout(input: NewRollout): Promise<void> {
      await ports.open(input);
    },

    async claimRollout(input: RolloutSubject) {
      return ports.store.claim(input);
    },

    async saveRollout(row: RolloutRow): Promise<void> {
      await ports.store.save(row);
    },

    async releaseRollout(input: { rolloutId: string }): Promise<void> {
      await ports.store.release(input.rolloutId);
    },

    async recordApproval(approval: ApprovalRow): Promise<void> {
      await ports.store.appendApproval(approval);
    },

    async takeLook(input: TakeLookInput): Promise<LookResult> {
      return ports.looks.take(input, ports.now());
    },

    async summariseShadow(input: { rolloutId: string; sinceMs: number }): Promise<ShadowSummary> {
      return ports.shadowSummary({ ...input, untilMs: ports.now() });
    },

    async appendIntent(intent: Intent): Promise<void> {
      await ports.appendIntent(intent);
    },
  };
}

/** What changes at the edges: shares, promotions, roll-backs, each followed by a published snapshot. */
function createDeliveryActivities(ports: RolloutPorts) {
  return {
    /** Sets the canary's share, gives it a lease and publishes. */
    async serveStage(input: { rolloutId: string; seq: number; stage: number; shareBps: number }) {
      await ports.store.serve(input);
      await ports.lease.renew({ ...input, seconds: LEASE_SECONDS });
      return ports.publish(`${input.rolloutId}: stage ${input.stage}, ${input.shareBps / 100} %`);
    },

    async serveShadow(input: { rolloutId: string; sampleBps: number }) {
      await ports.store.serveShadow(input);
      return ports.publish(`${input.rolloutId}: shadow ${input.sampleBps / 100} %`);
    },

    async promoteCandidate(
      input: RolloutSubject & { key: string; expectedChampionId: string; actor: string; evidenceDigest: string },
    ) {
      const { promoted, championId } = await ports.store.promote(input);
      if (!promoted) return { promoted, championId, version: 0 };
      const { version } = await ports.publish(`${input.rolloutId}: ${input.candidateId} is champion`);
      await ports.lease.end(input.rolloutId, 'promoted');
      return { promoted, championId, version };
    },

    async restoreTarget(
      input: RolloutSubject & { key: string; seq: number; targetId: string; actor: string; reason: string },
    ) {
      await ports.store.restore(input);
      await ports.lease.end(input.rolloutId, input.reason.slice(0, 200));
      return ports.publish(`${input.rolloutId}: back to ${input.targetId}`);
    },

    /** Waits until every connected edge serves `version` or the time is over; says who does not. */
    async awaitAcknowledgement(input: { version: number; timeoutSeconds: number }) {
      const context = Context.current();
      const until = ports.now() + input.timeoutSeconds * 1000;
      for (;;) {
        const seen = await ports.acknowledged(input.version);
        const done = seen.acknowledged.length > 0 && seen.stragglers.length === 0;
        if (done || ports.now() >= until) return { ...seen, atMs: ports.now() };
        context.heartbeat(seen);
        await context.sleep(200);
      }
    },
  };
}

export type RolloutActivities = ReturnType<typeof createRolloutActivities>;
