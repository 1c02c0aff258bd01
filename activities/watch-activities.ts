/** Activities of `metaAgent` about KPIs, weights, drift and autonomy: ports read facts, domain/meta decides what is wanted. */
import type { Agent, PolicySnapshot } from '#domain/contracts';
import type { WeightName } from '#domain/contracts/weight-ranges';
import {
  judgeCampaignWeights,
  type AutonomyLevel,
  type CampaignWatch,
  type ModelDrift,
  type StepEvidence,
  type WatchedScope,
  type WeightStep,
} from '#domain/meta';
import type { ServingControl } from './meta-activities';

/** Changes that one tick asks for at most, and alerts that it tells: the rest is seen again at the next. */
const MOST_STEPS = 5;
const MOST_ALERTS = 10;

/** Serving control with autonomy, as the database has it. */
export interface StoredControl extends ServingControl {
  autonomyBps: PolicySnapshot['autonomyBps'];
  autonomyLevels: Partial<Record<Agent, AutonomyLevel>>;
}

/** Facts of a fleet at a tick. */
export interface FleetFacts {
  campaigns: CampaignWatch[];
  scopes: WatchedScope[];
  weightsVersion: number;
  /** Why no weight may change now (a rollout's samples are in doubt), or null. */
  frozen: string | null;
  /** Rollouts that were rolled back in [sinceMs, untilMs). */
  rolledBack: { agent: Agent; rolloutId: string }[];
  /** Candidates trained for drift that failed in a row. */
  failedCandidates: number;
}

/** What the workflow needs to know: small, whatever the number of campaigns. */
export interface FleetWatch extends Omit<FleetFacts, 'campaigns' | 'scopes'> {
  untilMs: number;
  steps: WeightStep[];
  alerts: string[];
}

export interface WeightWish {
  key: string;
  cell: string;
  campaignId: string;
  weight: WeightName;
  to: number;
  kind: 'step' | 'reversal' | 'operator';
  by: string;
  reason: string;
  evidence: StepEvidence | null;
}

/** Made, or refused with what may be set now. */
export type WeightAnswer =
  { changed: true; version: number; from: number; to: number } | { changed: false; code: string; reason: string };

export interface WatchPorts {
  fleetFacts(input: WatchInput, nowMs: number): Promise<FleetFacts>;
  drift(input: { cell: string; windowSeconds: number }, nowMs: number): Promise<ModelDrift>;
  control(cell: string): Promise<StoredControl>;
  /** Makes the change and its intent in one transaction, then publishes. */
  changeWeight(wish: WeightWish, nowMs: number): Promise<WeightAnswer>;
  setAutonomy(input: AutonomyInput): Promise<void>;
  publish(reason: string): Promise<{ version: number }>;
  now(): number;
}

export interface WatchInput {
  fleet: string;
  cell: string;
  windowSeconds: number;
  sinceMs: number;
}

export interface AutonomyInput {
  key: string;
  cell: string;
  autonomyBps: PolicySnapshot['autonomyBps'];
  autonomyLevels: Record<Agent, AutonomyLevel>;
  by: string;
  reason: string;
}

/** Closures over `ports`; their names are the activity types. */
export function createWatchActivities(ports: WatchPorts) {
  return {
    /** One reading of the fleet: the weights' wishes, alerts, and what ended since the last tick. */
    async readFleetWatch(input: WatchInput): Promise<FleetWatch> {
      const untilMs = ports.now();
      const { campaigns, scopes, ...rest } = await ports.fleetFacts(input, untilMs);
      const wishes = campaigns
        .map((campaign) => judgeCampaignWeights(campaign, untilMs))
        .filter((step) => step !== null);
      // Reversals first: they must not starve behind steps.
      wishes.sort((a, b) => Number(b.kind === 'reversal') - Number(a.kind === 'reversal'));
      const alerts = scopes.flatMap(({ scope, id, alerts: list }) =>
        list.map((alert) => `${scope} ${id}: ${alert.reason}`),
      );
      return { ...rest, untilMs, steps: wishes.slice(0, MOST_STEPS), alerts: alerts.slice(0, MOST_ALERTS) };
    },

    async readDrift(input: { cell: string; windowSeconds: number }): Promise<ModelDrift> {
      return ports.drift(input, ports.now());
    },

    async readControl(input: { cell: string }): Promise<StoredControl> {
      return ports.control(input.cell);
    },

    async changeWeight(wish: WeightWish): Promise<WeightAnswer> {
      const answer = await ports.changeWeight(wish, ports.now());
      if (answer.changed) await ports.publish(`${wish.by}: ${wish.weight} of ${wish.campaignId}`);
      return answer;
    },

    async setAutonomy(input: AutonomyInput): Promise<void> {
      await ports.setAutonomy(input);
      await ports.publish(`${input.by}: autonomy: ${input.reason}`);
    },
  };
}

export type WatchActivities = ReturnType<typeof createWatchActivities>;
