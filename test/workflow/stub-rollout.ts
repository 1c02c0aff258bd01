import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Intent, RolloutPlan, Verdict } from '#domain/contracts';
import type { ClaimInput, ClaimResult } from '../../activities/claim-activities';
import type { Page } from '../../activities/page-activities';
import type {
  Acknowledgement,
  LookResult,
  Promotion,
  RolloutRow,
  ServeRefusal,
  ShadowSummary,
} from '../../activities/rollout-activities';

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

/** Leaves a long activity between two attempts: the test server skips time only while no activity runs. */
export const idle = (nextRetryDelay: '10 minutes' | '1 hour' | '1 day') =>
  ApplicationFailure.create({ message: 'between two attempts', nextRetryDelay });

export interface StubOptions {
  /** Verdict of look n (1-based) of a stage. */
  verdictOf?: (stage: number, look: number) => Verdict;
  faults?: { pointer: string; code: string; detail: string }[];
  claimed?: boolean;
  /** Answers when the guard fires; null = never. */
  guardFiresAfterMs?: number | null;
  /** What the shadow's records say, at each look when it is a function. */
  shadow?: Partial<ShadowSummary> | (() => Partial<ShadowSummary>);
  promoted?: boolean;
  acknowledged?: string[];
  /** What a round of waiting for edges hears; every edge at once when absent. */
  edges?: (version: number) => Acknowledgement;
  /** Why exposure may not rise, at this moment; read by looks and by `readHolds`, and by a serve that raises. */
  held?: () => string | null;
  refusal?: (stage: number) => ServeRefusal | null;
  promotion?: () => Partial<Promotion>;
  /** How the first claim and the wait in the queue end. */
  claim?: (input: ClaimInput) => Partial<ClaimResult>;
  queued?: (input: ClaimInput) => Promise<Partial<ClaimResult>>;
  onRelease?: (rolloutId: string) => void;
  /** Runs in the page's, the restore's and the promotion's activity before they answer: may throw or hang. */
  before?: (activity: 'page' | 'restore' | 'promote') => Promise<void>;
  /** Leaves the guard between two attempts of a day each, so that the test server may skip time. */
  idleGuard?: boolean;
}

/** Stub activities that record what the workflow asked for; edges acknowledge at once. */
export function stubRollout(options: StubOptions = {}) {
  const log: string[] = [];
  const rows: RolloutRow[] = [];
  const intents: Intent[] = [];
  const keys: string[] = [];
  const approvals: unknown[] = [];
  const pages: Page[] = [];
  const looks: { stage: number; look: number; atMs: number }[] = [];
  let guards = 0;
  let servedBps = 0;
  const noClaim: ClaimResult = { claimed: false, holder: 'rol_other', rollbackTargetId: null };
  const activities = {
    async raisePage(page: Page) {
      await options.before?.('page');
      if (pages.every((known) => known.key !== page.key)) pages.push(page);
    },
    async readHolds() {
      return { held: options.held?.() ?? null };
    },
    async awaitClaim(input: ClaimInput): Promise<ClaimResult> {
      return { ...noClaim, ...(await options.queued?.(input)) };
    },
    async awaitRelease() {
      if (log.at(-1) !== 'await release') log.push('await release');
      while (options.held?.() != null) {
        if (options.idleGuard === true) throw idle('10 minutes');
        Context.current().heartbeat('held');
        await Context.current().sleep(50);
      }
    },
    async openRollout() {
      log.push('open');
    },
    async lintRollout() {
      return { faults: options.faults ?? [] };
    },
    async claimRollout(input: ClaimInput) {
      log.push('claim');
      if (options.claim !== undefined) return { ...noClaim, ...options.claim(input) };
      return options.claimed === false ? noClaim : { claimed: true, holder: null, rollbackTargetId: 'bid-champion' };
    },
    async saveRollout(row: RolloutRow) {
      rows.push(row);
    },
    async releaseRollout(input: { rolloutId: string }) {
      options.onRelease?.(input.rolloutId);
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
        ...(typeof options.shadow === 'function' ? options.shadow() : options.shadow),
      };
    },
    async serveStage(input: { stage: number; shareBps: number; seq: number }) {
      const held = input.shareBps > servedBps ? (options.held?.() ?? null) : null;
      const refused =
        options.refusal?.(input.stage) ?? (held === null ? null : { kind: 'held' as const, reason: held });
      if (refused !== null) {
        log.push(`refused ${input.stage}: ${refused.kind}`);
        return { version: 0, refused };
      }
      servedBps = input.shareBps;
      log.push(`serve ${input.stage} ${input.shareBps}`);
      return { version: log.length };
    },
    async awaitAcknowledgement(input: { version: number }) {
      if (options.edges !== undefined) return { ...options.edges(input.version), atMs: serverNow() };
      return { acknowledged: options.acknowledged ?? ['edge-1'], stragglers: [], atMs: serverNow() };
    },
    async takeLook(input: { stage: number; look: number; key: string }): Promise<LookResult> {
      keys.push(input.key);
      looks.push({ stage: input.stage, look: input.look, atMs: serverNow() });
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
        held: options.held?.() ?? null,
      };
    },
    async guardCanary() {
      guards += 1;
      log.push('guard');
      if (options.idleGuard === true) throw idle('1 day');
      const after = options.guardFiresAfterMs ?? null;
      const context = Context.current();
      for (let elapsed = 0; after === null || elapsed < after; elapsed += 100) {
        context.heartbeat('holding');
        await context.sleep(100);
      }
      return { fired: true as const, reason: 'errorShare 0.2000 in the canary', atMs: serverNow() };
    },
    async promoteCandidate() {
      await options.before?.('promote');
      log.push('promote');
      const other = options.promotion?.() ?? {};
      if (other.promoted === false) return { championId: 'bid-champion', version: 0, ...other };
      return options.promoted === false
        ? { promoted: false, championId: 'bid-other', version: 0 }
        : { promoted: true, championId: 'bid-candidate', version: log.length };
    },
    async restoreTarget(input: { targetId: string; key: string }) {
      await options.before?.('restore');
      servedBps = 0;
      log.push(`restore ${input.targetId}`);
      keys.push(input.key);
      return { version: log.length };
    },
  };
  return { activities, log, rows, intents, keys, approvals, pages, looks, guards: () => guards };
}
