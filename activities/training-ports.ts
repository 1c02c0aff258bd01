/** What training needs from outside, and the messages of its activities. */
import type { AgentPolicy, ModelManifest } from '#domain/contracts';
import type { WinHyper, WinRow } from '#domain/learning';
import type { OnnxSession } from './onnx-session';
import type { SimulatorGatePorts } from './simulator-gate';

/** A frozen training window: immutable, named by its content. */
export interface TrainingWindow {
  windowId: string;
  contentSha256: string;
  rows: number;
  fromMs: number;
  toMs: number;
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
}

export interface TrainingPorts {
  freezeWindow(input: {
    fromMs: number;
    toMs: number;
  }): Promise<{ windowId: string; contentSha256: string; rows: number }>;
  winRows(windowId: string): Promise<WinRow[]>;
  /** Requests of the window per hour of week. */
  trafficByHourOfWeek(windowId: string): Promise<number[]>;
  champion(cell: string, agent: 'bid' | 'budget'): Promise<AgentPolicy>;
  artifacts: { put(bytes: Uint8Array): Promise<string>; get(sha256: string): Promise<Uint8Array> };
  openSession(bytes: Uint8Array): Promise<OnnxSession>;
  featureSpecHash: string;
  market: SimulatorGatePorts['market'];
  register(input: {
    key: string;
    manifest: Omit<ModelManifest, 'createdAt'>;
    createdBy: string;
  }): Promise<{ modelVersionId: string }>;
  saveRun(run: TrainingRunRow): Promise<void>;
  codeSha: string;
  now(): number;
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
