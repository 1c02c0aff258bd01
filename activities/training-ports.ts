/** What training needs from outside, and the messages of its activities. */
import type { AgentPolicy, Int8Twin, ModelManifest, PolicySnapshot } from '#domain/contracts';
import type { DataReport, WinHyper, WindowBid, WindowProfile } from '#domain/learning';
import type { OnnxSession } from './onnx-session';
import type { SimulatorGatePorts } from './simulator-gate';

/** A frozen training window: immutable, named by its content. */
export interface TrainingWindow {
  windowId: string;
  contentSha256: string;
  rows: number;
  fromMs: number;
  toMs: number;
  /** Incidents left out, and how many bids that was. */
  excluded?: NonNullable<ModelManifest['window']>['excluded'];
  excludedRows?: number;
}

/** Which bids an off-policy evaluation reads. */
export interface LoggedBidsQuery {
  window: Pick<TrainingWindow, 'fromMs' | 'toMs' | 'excluded'>;
  /** Bid model that decided them, for the champion's arm. */
  modelVersionId: string;
  maxBids: number;
}

/** A bid as it was logged, with what became of it. */
export interface LoggedBid {
  /** JSON of its `DecisionRecord`. */
  record: string;
  won: boolean;
  /** Lowest price that would have won, CPM micros, when disclosed. */
  minToWinMicros: number | null;
  /** Realised value (metric `value`), nanos; 0 when lost. */
  valueNanos: number;
  /** How many bids of the log this one stands for, >= 1. */
  copies: number;
}

/** Which attempt of which activity writes; a newer attempt fences the older ones out. */
export interface AttemptFence {
  key: string;
  attempt: number;
}

/** Where a run is within its step, as heartbeats, Query `progress` and the API tell it. */
export interface RunProgress {
  agent: 'bid' | 'budget';
  activity: string;
  attempt: number;
  /** Share of the step that is done at most, 0..1; early stopping ends it sooner. */
  fraction: number;
  epoch: number | null;
  epochs: number | null;
  /** Validation loss after the last whole epoch. */
  loss: number | null;
  rowsPerSecond: number | null;
  /** Seconds to the end at this attempt's pace. */
  etaSeconds: number | null;
  /** Epoch of the checkpoint that this attempt took up; 0 = from the start. */
  resumedFromEpoch: number;
  atMs: number;
}

/** A policy that is not registered yet, with what its manifest will say. */
export interface CandidateDraft {
  policy: AgentPolicy;
  parentId: string;
  window: TrainingWindow;
  hyperParameters: Record<string, unknown>;
  seed: number;
  rowsPerSecond: number | null;
  driftBins?: ModelManifest['driftBins'];
  /** The attempt that made it; registration refuses the draft of a fenced one. */
  fence?: AttemptFence;
  int8?: Int8Twin;
}

export interface TrainingPorts {
  freezeWindow(input: { fromMs: number; toMs: number }): Promise<TrainingWindow>;
  winRows(windowId: string): Promise<WindowBid[]>;
  windowProfile(windowId: string): Promise<WindowProfile>;
  /** Requests of the window per hour of week. */
  trafficByHourOfWeek(windowId: string): Promise<number[]>;
  champion(cell: string, agent: 'bid' | 'budget'): Promise<AgentPolicy>;
  loggedBids(query: LoggedBidsQuery): Promise<LoggedBid[]>;
  /** A snapshot as it was published, null when this control plane never published it. */
  snapshot(snapshotId: string): Promise<PolicySnapshot | null>;
  artifacts: { put(bytes: Uint8Array): Promise<string>; get(sha256: string): Promise<Uint8Array> };
  openSession(bytes: Uint8Array): Promise<OnnxSession>;
  /** As an edge runs it: by plain loops where the graph is ours and the rows are few. */
  openServed(bytes: Uint8Array): Promise<OnnxSession>;
  featureSpecHash: string;
  market: SimulatorGatePorts['market'];
  attempts: AttemptPorts;
  /** Best effort: what cannot be told now is told with the next call. */
  reportProgress(input: { workflowId: string; runId: string; progress: RunProgress }): Promise<void>;
  /** @throws ApplicationFailure FENCED_ATTEMPT when the fence names an attempt that a newer one has replaced. */
  register(input: {
    key: string;
    fence: AttemptFence | null;
    manifest: Omit<ModelManifest, 'createdAt'>;
    createdBy: string;
  }): Promise<{ modelVersionId: string }>;
  saveRun(run: TrainingRunRow): Promise<void>;
  codeSha: string;
  now(): number;
  /** Monotonic clock for measurements, milliseconds with fractions. */
  elapsedMs(): number;
}

/** Fences and checkpoints of training attempts. Every write of a fenced attempt is refused with FENCED_ATTEMPT. */
export interface AttemptPorts {
  /** Fences every older attempt; answers the last checkpoint of the activity, if one can be read. */
  claim(fence: AttemptFence): Promise<{ checkpoint: Uint8Array | null }>;
  /** Keeps a checkpoint durably in place of the one before. */
  keep(fence: AttemptFence, epoch: number, checkpoint: Uint8Array): Promise<void>;
  /** The attempt has its result: its checkpoint goes. */
  finish(fence: AttemptFence): Promise<void>;
}

/** Row of training_run; `seq` fences late retries. */
export interface TrainingRunRow {
  runKey: string;
  seq: number;
  fleet: string;
  agent: string;
  kind: string;
  step: string;
  code: string | null;
  candidateId: string | null;
  rolloutId: string | null;
  requestedBy: string;
  view: unknown;
}

export interface TrainBidInput {
  cell: string;
  window: TrainingWindow;
  hyper: Partial<WinHyper>;
  seed: number;
}

/** Answer of `validateWindow` for a window that may teach. */
export interface ValidatedWindow {
  rows: number;
  wins: number;
  /** Null for an agent that learns from traffic, not from bids. */
  report: DataReport | null;
}
