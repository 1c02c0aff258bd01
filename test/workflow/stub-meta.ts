import type { Intent } from '#domain/contracts';
import type { ServingControl, StartTrainingInput } from '../../activities/meta-activities';
import type { Page } from '../../activities/page-activities';
import type { AutonomyInput, FleetWatch, StoredControl, WeightWish } from '../../activities/watch-activities';
import type { FleetHealth, ModelDrift } from '#domain/meta';

const sums = {
  requests: 10_000,
  eligible: 8000,
  bids: 6000,
  wins: 2000,
  impressions: 1900,
  clicks: 150,
  conversions: 30,
  valueNanos: 150e8,
  spendNanos: 90e8,
  fallbacks: 0,
  errors: 0,
  late: 0,
  repeats: 0,
};

const FULL = { budget: 10_000, creative: 10_000, bid: 10_000, frequency: 10_000 };
const quiet: Omit<FleetWatch, 'untilMs'> = {
  steps: [],
  alerts: [],
  weightsVersion: 0,
  frozen: null,
  rolledBack: [],
  failedCandidates: 0,
};

/** What the watch sees at tick n; the rest is quiet. */
export interface WatchScript {
  health?: (tick: number) => Partial<FleetHealth>;
  watch?: (tick: number) => Partial<FleetWatch>;
  drift?: (reading: number) => Partial<ModelDrift>;
  stored?: Partial<StoredControl>;
  /** Before autonomy is written; throws to fail the attempt. */
  onAutonomy?: (input: AutonomyInput) => void;
  /** What the database answers to a wish; made by default. */
  answer?: (wish: WeightWish) => { changed: false; code: string; reason: string } | null;
}

/** Stub activities of the meta-agent; `errorsAt` says how many of 6,000 bid decisions failed at tick n. */
export function stubMeta(errorsAt: (tick: number) => number = () => 0, script: WatchScript = {}) {
  const serving: ServingControl[] = [];
  const intents: Intent[] = [];
  const trainings: StartTrainingInput[] = [];
  const switches: unknown[] = [];
  const weights: WeightWish[] = [];
  const autonomy: AutonomyInput[] = [];
  const pages: Page[] = [];
  let readings = 0;
  let ticks = 0;
  const activities = {
    async readFleetHealth(): Promise<FleetHealth> {
      ticks += 1;
      return {
        windowSeconds: 600,
        agents: [{ agent: 'bid', decisions: 6000, fallbacks: 0, errors: errorsAt(ticks) }],
        current: sums,
        previous: sums,
        ...script.health?.(ticks),
      };
    },
    async setServing(input: { control: ServingControl }) {
      serving.push(input.control);
      return { version: serving.length };
    },
    async startTraining(input: StartTrainingInput) {
      trainings.push(input);
      return { workflowId: `retrain/${input.agent}` };
    },
    async switchToTarget(input: unknown) {
      switches.push(input);
      return { targetId: 'bid-old', previousId: 'bid-now', activeRolloutId: null, version: 9 };
    },
    async awaitAcknowledgement(): Promise<{ acknowledged: string[]; stragglers: string[]; atMs: number }> {
      return { acknowledged: ['edge-1'], stragglers: [], atMs: 1 };
    },
    async readFleetWatch({ sinceMs }: { sinceMs: number }): Promise<FleetWatch> {
      return { ...quiet, untilMs: sinceMs + 1, ...script.watch?.(ticks) };
    },
    async readDrift(): Promise<ModelDrift> {
      readings += 1;
      const steady = { modelVersionId: 'bid-now', n: 900, worst: [], drifted: [], reason: 'no large drift' };
      return { ...steady, ...script.drift?.(readings) };
    },
    async readControl(): Promise<StoredControl> {
      return { quarantined: [], bidding: 'running', autonomyBps: FULL, autonomyLevels: {}, ...script.stored };
    },
    async changeWeight(wish: WeightWish) {
      const refusal = script.answer?.(wish) ?? null;
      if (refusal !== null) return refusal;
      weights.push(wish);
      return { changed: true, version: weights.length, from: 3, to: wish.to };
    },
    async setAutonomy(input: AutonomyInput) {
      script.onAutonomy?.(input);
      autonomy.push(input);
    },
    async raisePage(page: Page) {
      pages.push(page);
    },
    async appendMetaIntent(intent: Intent) {
      intents.push(intent);
    },
  };
  return { activities, serving, intents, trainings, switches, weights, autonomy, pages, ticks: () => ticks };
}
