/** Activities of `runExperiment`: each does one thing for the workflow, idempotently. */
import type {
  Agent,
  ExperimentPlan,
  ExperimentPower,
  ExperimentResult,
  ExperimentState,
  ExperimentSubject,
  ExperimentVerdict,
  Readout,
} from '#domain/contracts';
import { createGuardActivities, type GuardInput, type GuardPorts } from './guard-activities';
import type { Fault } from './rollout-activities';

/** A registered experiment: subject and plan with their digest. */
export interface Registration {
  experimentId: string;
  fleet: string;
  cell: string;
  subject: ExperimentSubject;
  plan: ExperimentPlan;
  planDigest: string;
  requestedBy: string;
}

/** Fields of an experiment that its row mirrors; `seq` fences late retries: a lower one never overwrites a higher one. */
export interface ExperimentRow {
  experimentId: string;
  seq: number;
  state: ExperimentState;
  result: ExperimentResult | null;
  period: number;
  look: number;
  verdict: ExperimentVerdict | null;
  reason: string;
  waitingFor: string | null;
  /** The whole view of the workflow, for the API. */
  view: unknown;
}

/** The champions that both arms build on, pinned when the slot was claimed. */
export type PinnedChampions = Record<Agent, string>;

/** What claiming the cell's canary slot answers; `holder` names the rollout or experiment that has it. */
export interface SlotClaim {
  claimed: boolean;
  holder: string | null;
  champions: PinnedChampions | null;
}

export interface ServeExperimentInput {
  experimentId: string;
  seq: number;
  period: number;
  shareBps: number;
}

/** The experiments' rows and their lock, behind the control plane's repository. */
export interface ExperimentStore {
  /** Writes the registration once. @throws REGISTRATION_DIFFERS (permanent) when the row holds another one. */
  open(registration: Registration): Promise<void>;
  claim(input: { experimentId: string; planDigest: string }): Promise<SlotClaim>;
  save(row: ExperimentRow): Promise<void>;
  /** Serves both arms unless increases are held (freeze, stopped line): then nothing changes, and it says why. */
  serve(input: ServeExperimentInput): Promise<{ held: string | null }>;
  /** Both arms back to the champion; a serve with a lower `seq` that comes late changes nothing any more. */
  stop(input: { experimentId: string; seq: number }): Promise<void>;
  release(experimentId: string): Promise<void>;
  /** Whether the champions are still the pinned ones. */
  championsHold(experimentId: string): Promise<boolean>;
}

export interface TakeExperimentLookInput {
  key: string;
  experimentId: string;
  cell: string;
  planDigest: string;
  period: number;
  look: number;
  openedAtMs: number;
  servedSeconds: number;
}

/** One look, without the sums it was computed from: those are stored with the look. */
export interface ExperimentLookResult {
  look: number;
  atMs: number;
  verdict: ExperimentVerdict;
  reason: string;
  readout: Readout | null;
  digest: string;
}

export interface ExperimentPorts {
  store: ExperimentStore;
  /** Faults of subject and plan, all of them, and what the traffic of now lets the experiment find. */
  lint(registration: Registration): Promise<{ faults: Fault[]; power: ExperimentPower | null }>;
  publish(reason: string): Promise<{ version: number }>;
  lease: {
    renew(input: { rolloutId: string; stage: number; shareBps: number; seconds: number }): Promise<void>;
    end(rolloutId: string, reason: string): Promise<void>;
  };
  looks: { take(input: TakeExperimentLookInput, atMs: number): Promise<ExperimentLookResult> };
  guard: GuardPorts;
  now(): number;
}

const LEASE_SECONDS = 120;

/** Why a guard fired: the arms do harm, or the ground they stand on has moved. */
export type GuardCause = 'guardrail' | 'champion-changed';

/** Closures over `ports`; their names are the activity types. */
export function createExperimentActivities(ports: ExperimentPorts) {
  const { guardCanary } = createGuardActivities(ports.guard);
  return {
    async openExperiment(registration: Registration): Promise<void> {
      await ports.store.open(registration);
    },

    async lintExperiment(registration: Registration) {
      return ports.lint(registration);
    },

    async claimExperiment(input: { experimentId: string; planDigest: string }): Promise<SlotClaim> {
      return ports.store.claim(input);
    },

    async saveExperiment(row: ExperimentRow): Promise<void> {
      await ports.store.save(row);
    },

    /** Serves both arms: sets the treatment's share, gives it a lease and publishes. */
    async serveExperiment(input: ServeExperimentInput): Promise<{ version: number; held: string | null }> {
      const { experimentId, period, shareBps } = input;
      const { held } = await ports.store.serve(input);
      if (held !== null) return { version: 0, held };
      await ports.lease.renew({ rolloutId: experimentId, stage: period, shareBps, seconds: LEASE_SECONDS });
      const { version } = await ports.publish(`${experimentId}: period ${period}, treatment ${shareBps / 100} %`);
      return { version, held: null };
    },

    /** Takes both arms back to the champion. */
    async stopExperiment(input: { experimentId: string; seq: number; reason: string }): Promise<{ version: number }> {
      await ports.store.stop(input);
      await ports.lease.end(input.experimentId, input.reason.slice(0, 200));
      return ports.publish(`${input.experimentId}: both arms back on the champion`);
    },

    async releaseExperiment(input: { experimentId: string }): Promise<void> {
      await ports.store.release(input.experimentId);
    },

    async takeExperimentLook(input: TakeExperimentLookInput): Promise<ExperimentLookResult> {
      return ports.looks.take(input, ports.now());
    },

    /** The rollout's guard over both arms: renews the treatment's lease while guardrails hold and the champions stand. */
    async guardExperiment(input: GuardInput): Promise<{ reason: string; atMs: number; cause: GuardCause }> {
      const { reason, atMs } = await guardCanary(input);
      const holds = await ports.store.championsHold(input.rolloutId);
      return { reason, atMs, cause: holds ? 'guardrail' : 'champion-changed' };
    },
  };
}

export type ExperimentActivities = ReturnType<typeof createExperimentActivities>;
