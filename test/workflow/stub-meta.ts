import type { Intent } from '#domain/contracts';
import type { ServingControl, StartTrainingInput } from '../../activities/meta-activities';
import type { FleetHealth } from '#domain/meta';

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

/** Stub activities of the meta-agent; `errorsAt` says how many of 6,000 bid decisions failed at tick n. */
export function stubMeta(errorsAt: (tick: number) => number = () => 0) {
  const serving: ServingControl[] = [];
  const intents: Intent[] = [];
  const trainings: StartTrainingInput[] = [];
  const switches: unknown[] = [];
  let ticks = 0;
  const activities = {
    async readFleetHealth(): Promise<FleetHealth> {
      ticks += 1;
      return {
        windowSeconds: 600,
        agents: [{ agent: 'bid', decisions: 6000, fallbacks: 0, errors: errorsAt(ticks) }],
        current: sums,
        previous: sums,
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
    async appendMetaIntent(intent: Intent) {
      intents.push(intent);
    },
  };
  return { activities, serving, intents, trainings, switches, ticks: () => ticks };
}
