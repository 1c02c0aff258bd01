/** Messages of `runExperiment`: the wire contract between the API, the worker and running histories. */
import { defineQuery, defineUpdate } from '@temporalio/workflow';
import type {
  ExperimentPlan,
  ExperimentPower,
  ExperimentResult,
  ExperimentState,
  ExperimentSubject,
  ExperimentVerdict,
  Readout,
} from '#domain/contracts';
import type { Actor, Command, RolloutFault, SafeReport } from '../messages';

/** What `runExperiment` knows about itself; also the record that the API reads. */
export interface ExperimentView {
  experimentId: string;
  fleet: string;
  cell: string;
  subject: ExperimentSubject;
  /** Digest of subject and plan, fixed before the start. */
  planDigest: string;
  requestedBy: string;
  state: ExperimentState;
  result: ExperimentResult | null;
  /** Holds the cell's canary slot, and so has something to undo. */
  claimed: boolean;
  /** Serving period: 0, and one more after every resume. */
  period: number;
  /** Share of users in the treatment now; 0 while both arms are on the champion. */
  shareBps: number;
  look: number;
  /** Serving time of the periods that are over. */
  servedSeconds: number;
  /** When the first edge served the present period, epoch ms; null while nothing is served. */
  openedAtMs: number | null;
  /** When the horizon will be reached if nothing pauses it, epoch ms. */
  horizonAtMs: number | null;
  verdict: ExperimentVerdict | null;
  /** Newest read-out that meant something; it stays when later looks say nothing. */
  readout: Readout | null;
  evidenceDigest: string | null;
  reason: string;
  waitingFor: string | null;
  deadlineAtMs: number | null;
  guard: 'idle' | 'holding' | 'fired';
  power: ExperimentPower | null;
  safe: SafeReport | null;
  faults: RolloutFault[];
}

/** The newest page of each cause: which incident it was about, and when it was raised. */
export type UntrustedPages = Partial<Record<ExperimentVerdict, { sinceMs: number; pagedAtMs: number }>>;

export interface RunExperimentInput {
  experimentId: string;
  fleet: string;
  cell: string;
  subject: ExperimentSubject;
  plan: ExperimentPlan;
  planDigest: string;
  requestedBy: Actor;
  /** Looks after which a run continues as new; set by tests only. */
  looksPerRun?: number;
  /** How an experiment goes on after continue-as-new. */
  carried?: {
    view: ExperimentView;
    step: number;
    unusableSinceMs: number | null;
    paused: Command | null;
    /** Absent in runs from before experiments paged. */
    untrusted?: UntrustedPages;
  };
}

export const experimentState = defineQuery<ExperimentView>('state');
export const abortExperiment = defineUpdate<ExperimentView, [Command]>('abort');
/** Takes both arms back to the champion until `resume`; paused time does not count towards the horizon. */
export const pauseExperiment = defineUpdate<ExperimentView, [Command]>('pause');
export const resumeExperiment = defineUpdate<ExperimentView, [Command]>('resume');
