import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { experimentPlanSchema, type ExperimentPlan, type ExperimentVerdict, type Intent } from '#domain/contracts';
import type {
  ExperimentActivities,
  ExperimentLookResult,
  ExperimentRow,
  GuardCause,
} from '../../activities/experiment-activities';
import type { Page } from '../../activities/page-activities';
import type { RunExperimentInput } from '../../workflows/experiment/messages';

/** A plan that is over in seconds, as a demo would set it. */
export const quickPlan = (change: Partial<ExperimentPlan> = {}): ExperimentPlan => ({
  ...experimentPlanSchema.parse({
    version: 1,
    name: 'shading',
    primary: 'value',
    guardrails: [{ metric: 'roi' }],
    horizonSeconds: 6,
    lookEverySeconds: 1,
    bucketSeconds: 1,
    labelMaturitySeconds: 1,
    decisionDeadlineSeconds: 3,
    pauseLimitSeconds: 600,
    feasibility: 'waived',
    waiverReason: 'test',
  }),
  ...change,
});

export const experimentInput = (
  experimentId: string,
  plan: ExperimentPlan,
  change: Partial<RunExperimentInput> = {},
): RunExperimentInput => ({
  experimentId,
  fleet: 'demo',
  cell: 'default',
  subject: {
    control: { family: 'multi-agent', versions: {} },
    treatment: { family: 'multi-agent', versions: { bid: 'bid-candidate' } },
  },
  plan,
  planDigest: 'd1ge57',
  requestedBy: { name: 'mia', role: 'ml-lead' },
  ...change,
});

export interface ExperimentStubOptions {
  /** Verdict of look n (1-based) of a period. */
  verdictOf?: (period: number, look: number) => ExperimentVerdict;
  faults?: { pointer: string; code: string; detail: string }[];
  claimed?: boolean;
  /** Milliseconds until the guard fires; null = never. */
  guardFiresAfterMs?: number | null;
  guardCause?: GuardCause;
  /** The guard's worker is gone: no attempt runs, so that the test server may skip days. */
  guardIsAway?: boolean;
  /** Looks that never answer. */
  looksHang?: boolean;
  acknowledged?: string[];
  /** Edges that are not connected and do not serve what was published. */
  stragglers?: string[];
  /** Attempts to serve that a freeze holds back. */
  heldTimes?: number;
}

/** The skipped clock: what the server thought when it scheduled the attempt. */
const serverNow = (): number => Context.current().info.currentAttemptScheduledTimestampMs;

const readout = {
  treatment: 2,
  control: 1.9,
  difference: { estimate: 0.1, lower: 0.05, upper: 0.15, standardError: 0.01 },
  relative: { estimate: 0.05, lower: 0.02, upper: 0.08 },
  p: 0.001,
  alpha: 0.05,
  events: { treatment: 500, control: 500 },
};

/** Stub activities that record what the workflow asked for; edges acknowledge at once. */
export function stubExperiment(options: ExperimentStubOptions = {}) {
  const log: string[] = [];
  const rows: ExperimentRow[] = [];
  const intents: Intent[] = [];
  const keys: string[] = [];
  const pages: Page[] = [];
  const looks: { period: number; look: number; servedSeconds: number; atMs: number }[] = [];
  const guard: ExperimentActivities['guardExperiment'] = async (input) => {
    log.push(`guard ${input.stage}`);
    if (options.guardIsAway) throw ApplicationFailure.create({ message: 'no worker', nextRetryDelay: '80 days' });
    const after = options.guardFiresAfterMs ?? null;
    const context = Context.current();
    for (let elapsed = 0; after === null || elapsed < after; elapsed += 100) {
      context.heartbeat('holding');
      await context.sleep(100);
    }
    return { reason: 'errorShare 0.2', atMs: serverNow(), cause: options.guardCause ?? 'guardrail' };
  };
  const activities: ExperimentActivities & Record<string, unknown> = {
    async openExperiment() {
      log.push('open');
    },
    async lintExperiment() {
      return { faults: options.faults ?? [], power: null };
    },
    async claimExperiment() {
      log.push('claim');
      if (options.claimed === false) return { claimed: false, holder: 'rol_other', champions: null };
      return { claimed: true, holder: null, champions: { bid: 'b', budget: 'b', creative: 'c', frequency: 'f' } };
    },
    async saveExperiment(row) {
      rows.push(row);
    },
    async serveExperiment({ period, shareBps }) {
      log.push(`serve ${period} ${shareBps}`);
      const held =
        options.heldTimes !== undefined && log.filter((line) => line.startsWith('serve')).length <= options.heldTimes;
      return held ? { version: 0, held: 'the line is stopped' } : { version: log.length, held: null };
    },
    async stopExperiment() {
      log.push('stop');
      return { version: log.length };
    },
    async releaseExperiment() {
      log.push('release');
    },
    async takeExperimentLook({ period, look, key, servedSeconds }): Promise<ExperimentLookResult> {
      keys.push(key);
      if (options.looksHang) await Context.current().sleep('10 minutes');
      looks.push({ period, look, servedSeconds, atMs: serverNow() });
      const verdict = options.verdictOf?.(period, look) ?? 'no-difference-shown';
      const isUsable = verdict !== 'srm' && verdict !== 'no-data' && verdict !== 'error';
      return {
        look,
        atMs: serverNow(),
        verdict,
        reason: `look ${look} says ${verdict}`,
        readout: isUsable ? readout : null,
        digest: `digest-${look}`,
      };
    },
    guardExperiment: guard,
    async appendIntent(intent: Intent) {
      intents.push(intent);
      keys.push(intent.key);
    },
    async awaitAcknowledgement() {
      const stragglers = options.stragglers ?? [];
      return { acknowledged: options.acknowledged ?? ['edge-1'], stragglers, connected: [], atMs: serverNow() };
    },
    async raisePage(page: Page) {
      pages.push(page);
    },
  };
  return { activities, log, rows, intents, keys, pages, looks };
}
