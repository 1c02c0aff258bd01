import { Context } from '@temporalio/activity';
import type { Intent, RolloutPlan, Verdict } from '#domain/contracts';
import type { LookResult, RolloutRow, ShadowSummary } from '../../activities/rollout-activities';

/** A plan with one shadow stage and one canary stage; times in seconds, as a demo would set them. */
export const shortPlan = (change: Partial<RolloutPlan> = {}): RolloutPlan => ({
  version: 1,
  name: 'test',
  alpha: 0.05,
  bucketSeconds: 5,
  lookEverySeconds: 1,
  labelMaturitySeconds: 5,
  decisionDeadlineSeconds: 4,
  approvalTimeoutSeconds: 600,
  feasibility: 'waived',
  waiverReason: 'test',
  stages: [
    {
      kind: 'shadow',
      shareBps: 1000,
      holdSeconds: 2,
      minPrimaryEvents: 0,
      minDecisions: 100,
      maxSeconds: 120,
      approval: true,
    },
    {
      kind: 'canary',
      shareBps: 2500,
      holdSeconds: 2,
      minPrimaryEvents: 100,
      minDecisions: 100,
      maxSeconds: 8,
      approval: false,
    },
  ],
  metrics: [{ metric: 'value', role: 'primary', margin: 0.05, action: 'rollback', prove: false }],
  ...change,
});

/** The skipped clock: what the server thought when it scheduled the attempt. */
const serverNow = (): number => Context.current().info.currentAttemptScheduledTimestampMs;

export interface StubOptions {
  /** Verdict of look n (1-based) of a stage. */
  verdictOf?: (stage: number, look: number) => Verdict;
  faults?: { pointer: string; code: string; detail: string }[];
  claimed?: boolean;
  /** Answers when the guard fires; null = never. */
  guardFiresAfterMs?: number | null;
  shadow?: Partial<ShadowSummary>;
  promoted?: boolean;
  acknowledged?: string[];
}

/** Stub activities that record what the workflow asked for; edges acknowledge at once. */
export function stubRollout(options: StubOptions = {}) {
  const log: string[] = [];
  const rows: RolloutRow[] = [];
  const intents: Intent[] = [];
  const keys: string[] = [];
  const approvals: unknown[] = [];
  let guards = 0;
  const activities = {
    async openRollout() {
      log.push('open');
    },
    async lintRollout() {
      return { faults: options.faults ?? [] };
    },
    async claimRollout() {
      log.push('claim');
      return options.claimed === false
        ? { claimed: false, holder: 'rol_other', rollbackTargetId: null }
        : { claimed: true, holder: null, rollbackTargetId: 'bid-champion' };
    },
    async saveRollout(row: RolloutRow) {
      rows.push(row);
    },
    async releaseRollout() {
      log.push('release');
    },
    async recordApproval(approval: unknown) {
      approvals.push(approval);
    },
    async appendIntent(intent: Intent) {
      intents.push(intent);
      keys.push(intent.key);
    },
    async serveShadow(input: { sampleBps: number }) {
      log.push(`shadow ${input.sampleBps}`);
      return { version: log.length };
    },
    async summariseShadow(): Promise<ShadowSummary> {
      return {
        n: 500,
        errors: 0,
        outOfBounds: 0,
        latencyUsP99: 400,
        meanBidRatio: 1.2,
        meanSurplusDifferenceMicros: 5,
        surplusStandardErrorMicros: 1,
        ...options.shadow,
      };
    },
    async serveStage(input: { stage: number; shareBps: number; seq: number }) {
      log.push(`serve ${input.stage} ${input.shareBps}`);
      return { version: log.length };
    },
    async awaitAcknowledgement() {
      return { acknowledged: options.acknowledged ?? ['edge-1'], stragglers: [], atMs: serverNow() };
    },
    async takeLook(input: { stage: number; look: number; key: string }): Promise<LookResult> {
      keys.push(input.key);
      const verdict = options.verdictOf?.(input.stage, input.look) ?? 'continue';
      return {
        look: input.look,
        atMs: serverNow(),
        verdict,
        catastrophe: false,
        reason: `look ${input.look} of stage ${input.stage} says ${verdict}`,
        digest: `digest-${input.stage}-${verdict}`,
        decisions: { canary: 1000, control: 3000 },
        primaryEvents: { canary: 120, control: 360 },
        primary: null,
      };
    },
    async guardCanary() {
      guards += 1;
      log.push('guard');
      const after = options.guardFiresAfterMs ?? null;
      const context = Context.current();
      for (let elapsed = 0; after === null || elapsed < after; elapsed += 100) {
        context.heartbeat('holding');
        await context.sleep(100);
      }
      return { fired: true as const, reason: 'errorShare 0.2000 in the canary', atMs: serverNow() };
    },
    async promoteCandidate() {
      log.push('promote');
      return options.promoted === false
        ? { promoted: false, championId: 'bid-other', version: 0 }
        : { promoted: true, championId: 'bid-candidate', version: log.length };
    },
    async restoreTarget(input: { targetId: string; key: string }) {
      log.push(`restore ${input.targetId}`);
      keys.push(input.key);
      return { version: log.length };
    },
  };
  return { activities, log, rows, intents, keys, approvals, guards: () => guards };
}
