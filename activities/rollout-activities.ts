/** Activities of `rollOutPolicy` and `validateInShadow`: each does one thing for the workflow, idempotently. */
import { Context } from '@temporalio/activity';
import type { Agent, Intent, RolloutPlan, RolloutState, Verdict } from '#domain/contracts';
import type { ShadowPairs } from '#domain/rollout/shadow-pairs';

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

/** Whether a share was set; increases may be held, a superseded rollout serves no more. */
export interface ServeResult {
  /** Why the share was not raised (freeze, stopped line), or null. */
  held: string | null;
  supersededBy: string | null;
}

export interface PromoteInput extends RolloutSubject {
  key: string;
  /** Fences a late attempt; absent in rollouts that started before it was. */
  seq?: number;
  expectedChampionId: string;
  actor: string;
  evidenceDigest: string;
}

/** One edge against one snapshot version, by its own word. */
export interface EdgeDelivery {
  edgeId: string;
  serves: boolean;
  /** Heard of within the last heartbeats. */
  live: boolean;
  snapshotVersion: number | null;
  /** Why it refused a snapshot, or null. */
  refused: string | null;
}

/** Who serves a version and who does not. */
export interface Acknowledgement {
  acknowledged: string[];
  /** Every edge of the last day that does not serve it. */
  stragglers: string[];
  /** The stragglers that are connected; the others cannot answer. Absent = all of them. */
  connected?: string[];
  edges?: EdgeDelivery[];
}

/** The rollout's rows and the serving pointers, behind the control plane's repositories. */
export interface RolloutStore {
  save(row: RolloutRow): Promise<void>;
  /** Sets what the rollout serves, unless that is held. Throws CANARY_BUSY while another rollout of the cell serves a canary. */
  serve(input: { rolloutId: string; seq: number; stage: number; shareBps: number }): Promise<ServeResult>;
  serveShadow(input: { rolloutId: string; sampleBps: number }): Promise<void>;
  /**
   * Makes the candidate champion if the champion still is `expectedChampionId` and no later step of the rollout has been
   * carried out (`seq`); ends the canary in the same step.
   */
  promote(input: PromoteInput): Promise<{ promoted: boolean; championId: string; held?: string | null }>;
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
  /** Why exposure may not rise now (freeze, stopped line), or null; absent in older histories. */
  held?: string | null;
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
  /** The same decisions in pairs; absent in older histories. */
  pairs?: ShadowPairs;
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
  acknowledged(version: number): Promise<Acknowledgement>;
  /** Why exposure of this rollout may not rise now, or null. */
  held(rolloutId: string): Promise<string | null>;
  /** Why the candidate's artifact is not the one that passed the gates (missing, altered), or null. */
  artifactFault(modelVersionId: string): Promise<string | null>;
  lease: {
    renew(input: { rolloutId: string; stage: number; shareBps: number; seconds: number }): Promise<void>;
    end(rolloutId: string, reason: string): Promise<void>;
  };
  looks: LookTaker;
  shadowSummary(input: { rolloutId: string; sinceMs: number; untilMs: number }): Promise<ShadowSummary>;
  appendIntent(intent: Intent): Promise<void>;
  now(): number;
}

/** Why a stage was not opened. `held` ends by itself or by a human; the others end the rollout. */
export interface ServeRefusal {
  kind: 'held' | 'superseded' | 'artifact';
  reason: string;
}

/** What became of a promotion; `fault` = the artifact is not the one that passed the gates. */
export interface Promotion {
  promoted: boolean;
  championId: string;
  version: number;
  held?: string | null;
  fault?: string;
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

    async saveRollout(row: RolloutRow): Promise<void> {
      await ports.store.save(row);
    },

    async releaseRollout(input: { rolloutId: string }): Promise<void> {
      await ports.store.release(input.rolloutId);
    },

    async recordApproval(approval: ApprovalRow): Promise<void> {
      await ports.store.appendApproval(approval);
      const { approvalId, rolloutId, stage, evidenceDigest, approver, reason, expiresAtMs } = approval;
      await ports.appendIntent({
        key: `approval/${approvalId}`,
        kind: 'rollout.approved',
        publisher: 'operator',
        subject: rolloutId,
        action: { stage, evidenceDigest, approver },
        reason,
        expiresAt: new Date(expiresAtMs).toISOString(),
      });
    },

    async takeLook(input: TakeLookInput): Promise<LookResult> {
      const look = await ports.looks.take(input, ports.now());
      return { ...look, held: await ports.held(input.rolloutId) };
    },

    async readHolds(input: { rolloutId: string }): Promise<{ held: string | null }> {
      return { held: await ports.held(input.rolloutId) };
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
    /**
     * Sets the canary's share, gives it a lease and publishes. Nothing is served when increases are held, when a newer
     * candidate has taken the place, or when the artifact is not the one that passed the gates.
     */
    async serveStage(input: {
      rolloutId: string;
      seq: number;
      stage: number;
      shareBps: number;
      candidateId?: string;
    }): Promise<{ version: number; refused?: ServeRefusal }> {
      const fault = input.candidateId === undefined ? null : await ports.artifactFault(input.candidateId);
      if (fault !== null) return { version: 0, refused: { kind: 'artifact', reason: fault } };
      const { held, supersededBy } = await ports.store.serve(input);
      if (held !== null) return { version: 0, refused: { kind: 'held', reason: held } };
      if (supersededBy !== null) return { version: 0, refused: { kind: 'superseded', reason: supersededBy } };
      await ports.lease.renew({ ...input, seconds: LEASE_SECONDS });
      return ports.publish(`${input.rolloutId}: stage ${input.stage}, ${input.shareBps / 100} %`);
    },

    async serveShadow(input: { rolloutId: string; sampleBps: number }) {
      await ports.store.serveShadow(input);
      return ports.publish(`${input.rolloutId}: shadow ${input.sampleBps / 100} %`);
    },

    async promoteCandidate(input: PromoteInput): Promise<Promotion> {
      const fault = await ports.artifactFault(input.candidateId);
      if (fault !== null) return { promoted: false, championId: input.expectedChampionId, version: 0, fault };
      const { promoted, championId, held } = await ports.store.promote(input);
      if (!promoted) return { promoted, championId, version: 0, held: held ?? null };
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

    /**
     * Waits until an edge and every connected one serves `version`, or the time is over; says who does not, edge by edge.
     * `atMs` is when the last of them said so.
     */
    async awaitAcknowledgement(input: {
      version: number;
      timeoutSeconds: number;
    }): Promise<Acknowledgement & { atMs: number }> {
      const context = Context.current();
      const until = ports.now() + input.timeoutSeconds * 1000;
      let known = 0;
      let atMs = ports.now();
      for (;;) {
        const seen = await ports.acknowledged(input.version);
        if (seen.acknowledged.length > known) atMs = ports.now();
        known = seen.acknowledged.length;
        const done = known > 0 && (seen.connected ?? seen.stragglers).length === 0;
        if (done || ports.now() >= until) return { ...seen, atMs };
        context.heartbeat(seen);
        await context.sleep(200);
      }
    },
  };
}

export type RolloutActivities = ReturnType<typeof createRolloutActivities>;
