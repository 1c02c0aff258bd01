/** Activities of `metaAgent`, `rollBackTo` and `retrainTick`. */
import { Context } from '@temporalio/activity';
import type { Agent, Intent } from '#domain/contracts';
import type { FleetHealth } from '#domain/meta';
import type { Actor } from './actor';

/** What may change in serving without a new policy: kill level and quarantine of the cell. */
export interface ServingControl {
  quarantined: Agent[];
  bidding: 'running' | 'stopped';
}

export interface StartTrainingInput {
  fleet: string;
  cell: string;
  agent: 'bid' | 'budget';
  /** Given: one run that trains all of these in parallel. */
  agents?: ('bid' | 'budget')[];
  /** A run of this kind that still trains is answered instead of starting another beside it. */
  joinsRunning?: boolean;
  kind: 'daily' | 'full' | 'manual' | 'drift';
  cutoffMs: number;
  windowSeconds: number;
  requestedBy: Actor;
}

/** Which version is to decide again, and who says so. */
export interface SwitchInput {
  key: string;
  cell: string;
  agent: Agent;
  /** The last known good version when null. */
  targetId: string | null;
  actor: string;
  reason: string;
}

export interface MetaPorts {
  fleetHealth(input: { cell: string; windowSeconds: number }, nowMs: number): Promise<FleetHealth>;
  setServing(input: { cell: string; control: ServingControl; by: string; reason: string; key: string }): Promise<void>;
  publish(reason: string): Promise<{ version: number }>;
  startTraining(input: StartTrainingInput): Promise<{ workflowId: string }>;
  /** Puts `targetId`, or the last known good version when null, back as champion; ends active canaries of the agent. */
  rollBack(input: SwitchInput): Promise<{ targetId: string; previousId: string; activeRolloutId: string | null }>;
  appendIntent(intent: Intent): Promise<void>;
  now(): number;
}

/** Closures over `ports`; their names are the activity types. */
export function createMetaActivities(ports: MetaPorts) {
  return {
    async readFleetHealth(input: { cell: string; windowSeconds: number }): Promise<FleetHealth> {
      return ports.fleetHealth(input, ports.now());
    },

    /** Writes quarantine and stop, then publishes: the edges obey within a heartbeat. */
    async setServing(input: { key: string; cell: string; control: ServingControl; by: string; reason: string }) {
      await ports.setServing(input);
      return ports.publish(`${input.by}: ${input.reason}`);
    },

    async startTraining(input: StartTrainingInput): Promise<{ workflowId: string }> {
      return ports.startTraining(input);
    },

    async switchToTarget(input: SwitchInput) {
      const switched = await ports.rollBack(input);
      Context.current().heartbeat(switched);
      const { version } = await ports.publish(`roll-back of ${input.agent} to ${switched.targetId}`);
      return { ...switched, version };
    },

    async appendMetaIntent(intent: Intent): Promise<void> {
      await ports.appendIntent(intent);
    },
  };
}

export type MetaActivities = ReturnType<typeof createMetaActivities>;
