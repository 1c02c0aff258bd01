/** Activities of `retrainAgents`: window, training, parity, gates, registration. They run on the queue `training`. */
import { ApplicationFailure, Context } from '@temporalio/activity';
import type { AgentPolicy, BidParams, BudgetParams, GateResult, ModelManifest } from '#domain/contracts';
import {
  encodeWinModelOnnx,
  fitPidGains,
  fitTrafficShares,
  LearningError,
  paritySamples,
  splitHeldOut,
  trainWinModel,
} from '#domain/learning';
import { HELD_OUT_SHARE, judgeHeldOut } from './held-out-gate';
import type { WinHyper, WinRow } from '#domain/learning';
import { permanent } from './permanent-failure';
import { judgeOnMarket, type SimulatorGatePorts } from './simulator-gate';

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
}

/** An inference session over one ONNX artifact; the runtime stays behind it. */
export interface InferSession {
  run(rows: Float32Array, rowCount: number): Promise<Float32Array>;
  inputNames: readonly string[];
  outputNames: readonly string[];
  close(): Promise<void>;
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
  openSession(bytes: Uint8Array): Promise<InferSession>;
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

const PARITY_VECTORS = 8;
const PARITY_TOLERANCE = 1e-4;
const MAX_ARTIFACT_BYTES = 4 << 20;

/** Closures over `ports`; their names are the activity types. */
export function createTrainingActivities(ports: TrainingPorts) {
  return {
    ...createModelActivities(ports),

    async freezeWindow(input: { fromMs: number; toMs: number }): Promise<TrainingWindow> {
      return { ...(await ports.freezeWindow(input)), ...input };
    },

    /** Refuses a window that nothing can be learned from, by the same codes as the trainer. */
    async validateWindow(input: {
      window: TrainingWindow;
      agent: 'bid' | 'budget';
    }): Promise<{ rows: number; wins: number }> {
      const { window, agent } = input;
      if (window.rows === 0) throw permanent('EMPTY_WINDOW', `window ${window.windowId} holds no rows`);
      if (agent === 'budget') return { rows: window.rows, wins: 0 };
      const rows = await ports.winRows(window.windowId);
      const wins = rows.filter((row) => row.won).length;
      if (rows.length === 0) throw permanent('EMPTY_WINDOW', `window ${window.windowId} holds no bids`);
      if (wins === 0 || wins === rows.length) {
        throw permanent(
          'ONE_CLASS',
          `all ${rows.length} bids of window ${window.windowId} were ${wins === 0 ? 'lost' : 'won'}`,
        );
      }
      return { rows: rows.length, wins };
    },

    async gateHeldOut(input: { draft: CandidateDraft; cell: string; seed: number }): Promise<GateResult> {
      const { draft, cell, seed } = input;
      const { heartbeat, cancelled } = beats();
      return judgeHeldOut(ports, {
        candidate: draft.policy,
        champion: await ports.champion(cell, 'bid'),
        windowId: draft.window.windowId,
        seed,
        onBatch: async (done, of) => {
          heartbeat({ gate: 'held-out-likelihood', done, of });
          cancelled.throwIfAborted();
        },
      });
    },

    async gateSimulator(input: { draft: CandidateDraft; cell: string; seed: number }): Promise<GateResult> {
      const { heartbeat, cancelled } = beats();
      return judgeOnMarket(ports, {
        candidate: input.draft.policy,
        cell: input.cell,
        seed: input.seed,
        onProgress: async (done, of) => {
          heartbeat({ gate: 'simulator', done, of });
          cancelled.throwIfAborted();
          await new Promise((resolve) => setImmediate(resolve));
        },
      });
    },

    async registerCandidate(input: {
      key: string;
      draft: CandidateDraft;
      gates: GateResult[];
      createdBy: string;
    }): Promise<{ modelVersionId: string }> {
      const { workflowExecution } = Context.current().info;
      const { draft } = input;
      const manifest = {
        modelVersionId: draft.policy.modelVersionId,
        agent: draft.policy.agent,
        family: 'multi-agent' as const,
        parentId: draft.parentId,
        policy: draft.policy,
        workflowId: workflowExecution?.workflowId ?? 'none',
        runId: workflowExecution?.runId ?? 'none',
        codeSha: ports.codeSha,
        window: draft.window,
        featureSpecHash: ports.featureSpecHash,
        hyperParameters: draft.hyperParameters,
        seed: draft.seed,
        gates: input.gates,
      };
      return ports.register({ key: input.key, manifest, createdBy: input.createdBy });
    },

    async saveTrainingRun(run: TrainingRunRow): Promise<void> {
      await ports.saveRun(run);
    },
  };
}

/** Training and parity: what makes a candidate out of rows or out of somebody's file. */
function createModelActivities(ports: TrainingPorts) {
  return {
    /** Trains the censored win model, writes it as ONNX into the artifact store and answers the draft. */
    async trainBidModel(input: TrainBidInput): Promise<CandidateDraft> {
      const context = Context.current();
      const rows = await ports.winRows(input.window.windowId);
      const { train } = splitHeldOut(rows, HELD_OUT_SHARE, input.seed);
      const startedMs = ports.now();
      let rowsPerSecond: number | null = null;
      const model = await codedLearning(() =>
        trainWinModel(train, input.hyper, input.seed, async (progress) => {
          rowsPerSecond = Math.round((progress.rowsSeen * 1000) / Math.max(1, ports.now() - startedMs));
          // The attempt fences zombies: the server refuses heartbeats of an attempt that it has given up.
          context.heartbeat({ ...progress, rowsPerSecond, attempt: context.info.attempt });
          // Also lets heartbeats and other activities of this process through; throws when the run was cancelled.
          await context.sleep(0);
        }),
      );
      const bytes = encodeWinModelOnnx(model);
      const parity = paritySamples(model, PARITY_VECTORS, input.seed);
      const draft = await bidDraft(ports, { ...input, bytes, parity, source: { kind: 'trained', hyper: input.hyper } });
      return { ...draft, rowsPerSecond };
    },

    /** Takes a model trained elsewhere; its golden vectors come from its own runs on rows of the window. */
    async adoptBidModel(input: TrainBidInput & { sha256: string; note: string }): Promise<CandidateDraft> {
      const bytes = await ports.artifacts.get(input.sha256);
      if (bytes.byteLength > MAX_ARTIFACT_BYTES) throw permanent('ARTIFACT_TOO_LARGE', `${bytes.byteLength} bytes`);
      const rows = (await ports.winRows(input.window.windowId)).slice(0, PARITY_VECTORS);
      const session = await openChecked(ports, bytes);
      try {
        const parity = [];
        for (const row of rows) {
          const vector = Float32Array.from(row.features);
          parity.push({ input: [...vector], output: [...(await session.run(vector, 1))] });
        }
        return await bidDraft(ports, { ...input, bytes, parity, source: { kind: 'imported', note: input.note } });
      } finally {
        await session.close();
      }
    },

    /** Budget agent: gains tuned on the traffic shares of the window, from the champion's as a start. */
    async fitBudgetPolicy(input: { cell: string; window: TrainingWindow; seed: number }): Promise<CandidateDraft> {
      const { window, seed } = input;
      const champion = await ports.champion(input.cell, 'budget');
      const shares = fitTrafficShares(await ports.trafficByHourOfWeek(window.windowId));
      const { params, ...fit } = fitPidGains(champion.params as BudgetParams, shares, seed);
      const modelVersionId = `budget-${window.contentSha256.slice(0, 12)}-${seed}`;
      const policy: AgentPolicy = { modelVersionId, agent: 'budget', kind: 'baseline', params, artifact: null };
      return {
        policy,
        parentId: champion.modelVersionId,
        window,
        hyperParameters: { ...fit },
        seed,
        rowsPerSecond: null,
      };
    },

    /** Runs the artifact's bytes as stored under onnxruntime, alone and in a batch, against its golden vectors. */
    async checkParity(input: { draft: CandidateDraft }): Promise<GateResult> {
      const { artifact } = input.draft.policy;
      if (artifact === null)
        return { gate: 'parity', passed: true, value: 0, bound: 0, n: 0, reason: 'the policy has no artifact' };
      const session = await openChecked(ports, await ports.artifacts.get(artifact.sha256));
      try {
        const width = artifact.inputWidth;
        const batch = new Float32Array(artifact.parity.length * width);
        artifact.parity.forEach((vector, index) => batch.set(vector.input, index * width));
        const together = await session.run(batch, artifact.parity.length);
        let worst = 0;
        for (const [index, vector] of artifact.parity.entries()) {
          const alone = await session.run(Float32Array.from(vector.input), 1);
          vector.output.forEach((expected, column) => {
            const at = index * artifact.outputWidth + column;
            worst = Math.max(worst, Math.abs(alone[column] - expected), Math.abs(together[at] - expected));
          });
        }
        const passed = worst <= artifact.tolerance;
        const reason = `largest difference ${worst.toExponential(2)} over ${artifact.parity.length} golden vectors`;
        return {
          gate: 'parity',
          passed,
          value: Number.isFinite(worst) ? worst : 1e9,
          bound: artifact.tolerance,
          n: artifact.parity.length,
          reason,
        };
      } finally {
        await session.close();
      }
    },
  };
}

interface DraftInput extends TrainBidInput {
  bytes: Uint8Array;
  parity: { input: number[]; output: number[] }[];
  source: Record<string, unknown>;
}

async function bidDraft(ports: TrainingPorts, input: DraftInput): Promise<CandidateDraft> {
  const champion = await ports.champion(input.cell, 'bid');
  const sha256 = await ports.artifacts.put(input.bytes);
  const { window, seed } = input;
  const policy: AgentPolicy = {
    modelVersionId: `bid-${sha256.slice(0, 12)}-${window.contentSha256.slice(0, 8)}`,
    agent: 'bid',
    kind: 'model',
    params: champion.params as BidParams,
    artifact: {
      sha256,
      sizeBytes: input.bytes.byteLength,
      inputName: 'features',
      outputName: 'law',
      inputWidth: 24,
      outputWidth: 2,
      featureSpecHash: ports.featureSpecHash,
      parity: input.parity,
      tolerance: PARITY_TOLERANCE,
    },
  };
  return {
    policy,
    parentId: champion.modelVersionId,
    window,
    hyperParameters: input.source,
    seed,
    rowsPerSecond: null,
  };
}

async function openChecked(ports: TrainingPorts, bytes: Uint8Array): Promise<InferSession> {
  const session = await ports.openSession(bytes).catch((error: unknown) => {
    throw permanent('ARTIFACT_UNREADABLE', error instanceof Error ? error.message : String(error));
  });
  if (session.inputNames.join() !== 'features' || session.outputNames.join() !== 'law') {
    await session.close();
    throw permanent('ARTIFACT_SHAPE', `inputs ${session.inputNames.join()}, outputs ${session.outputNames.join()}`);
  }
  return session;
}

/** A learning fault is permanent: its code travels as the failure's type and no retry can heal it. */
async function codedLearning<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LearningError) throw permanent(error.code, error.message);
    if (error instanceof ApplicationFailure) throw error;
    throw error;
  }
}

function beats(): { heartbeat(details: unknown): void; cancelled: AbortSignal } {
  const context = Context.current();
  return { heartbeat: (details) => context.heartbeat(details), cancelled: context.cancellationSignal };
}

export type TrainingActivities = ReturnType<typeof createTrainingActivities>;
