/** Activities that make a candidate: out of rows, or out of a model somebody else trained. */
import { ApplicationFailure, Context } from '@temporalio/activity';
import type { AgentPolicy, BidParams, BudgetParams, GateResult } from '#domain/contracts';
import {
  cleanRows,
  decodeCheckpoint,
  encodeCheckpoint,
  encodeWinModelOnnx,
  fitPidGains,
  fitTrafficShares,
  LearningError,
  paritySamples,
  splitHeldOut,
  trainWinModel,
} from '#domain/learning';
import { judgeParity, openChecked } from './check-parity';
import { freezeModelBins } from './freeze-model-bins';
import { HELD_OUT_SHARE } from './held-out-gate';
import { permanent } from './permanent-failure';
import { addTwin } from './quantise-twin';
import { fenceOf, ProgressTeller } from './training-progress';
import type { CandidateDraft, TrainBidInput, TrainingPorts, TrainingWindow } from './training-ports';

const PARITY_VECTORS = 8;
const PARITY_TOLERANCE = 1e-4;
const MAX_ARTIFACT_BYTES = 4 << 20;

/** Closures over `ports`; part of `createTrainingActivities`. */
export function createModelActivities(ports: TrainingPorts) {
  return {
    ...createUntrainedActivities(ports),

    /**
     * Trains the censored win model, writes it as ONNX into the artifact store and answers the draft. A worker that dies costs one
     * epoch: the next attempt goes on from the checkpoint, to the same bytes. A replaced attempt that lives on is refused its writes.
     */
    async trainBidModel(input: TrainBidInput): Promise<CandidateDraft> {
      const context = Context.current();
      const fence = fenceOf(context);
      const { checkpoint } = await ports.attempts.claim(fence);
      const from = checkpoint === null ? null : decodeCheckpoint(checkpoint);
      const { rows } = cleanRows(await ports.winRows(input.window.windowId));
      const { train } = splitHeldOut(rows, HELD_OUT_SHARE, input.seed);
      const teller = new ProgressTeller(ports, context, 'bid');
      const startedMs = ports.now();
      const rowsBefore = from?.rowsSeen ?? 0;
      let rowsPerSecond: number | null = null;
      const model = await codedLearning(() =>
        trainWinModel(
          train,
          input.hyper,
          input.seed,
          ({ epoch, epochs, loss, rowsSeen, fraction }) => {
            rowsPerSecond = Math.round(((rowsSeen - rowsBefore) * 1000) / Math.max(1, ports.now() - startedMs));
            return teller.tell({ epoch, epochs, loss, fraction, rowsPerSecond, resumedFromEpoch: from?.epoch ?? 0 });
          },
          {
            from,
            onCheckpoint: (state) => ports.attempts.keep(fence, state.epoch, encodeCheckpoint(state)),
          },
        ),
      );
      const bytes = encodeWinModelOnnx(model);
      const parity = paritySamples(model, PARITY_VECTORS, input.seed);
      const draft = await bidDraft(ports, { ...input, bytes, parity, source: { kind: 'trained', hyper: input.hyper } });
      await ports.attempts.finish(fence);
      return { ...draft, rowsPerSecond, fence };
    },

    /** Adds the int8 twin of a trained bid model; the draft serves it where it ships. */
    async quantiseTwin(input: { draft: CandidateDraft }): Promise<CandidateDraft> {
      const context = Context.current();
      return addTwin(ports, input.draft, async (done, of) => {
        context.heartbeat({ activity: 'quantiseTwin', done, of });
        context.cancellationSignal.throwIfAborted();
      });
    },

    /** Parity of the artifact that will serve, twin or original. */
    async checkParity(input: { draft: CandidateDraft }): Promise<GateResult> {
      return judgeParity(ports, input.draft.policy);
    },
  };
}

/** Candidates that no gradient made: a model trained elsewhere, and the Budget agent's gains. */
function createUntrainedActivities(ports: TrainingPorts) {
  return {
    /** Takes a model trained elsewhere; golden vectors that did not come with it are its own runs on rows of the window. */
    async adoptBidModel(
      input: TrainBidInput & { sha256: string; note: string; parity?: { input: number[]; output: number[] }[] },
    ): Promise<CandidateDraft> {
      const bytes = await ports.artifacts.get(input.sha256);
      if (bytes.byteLength > MAX_ARTIFACT_BYTES) throw permanent('ARTIFACT_TOO_LARGE', `${bytes.byteLength} bytes`);
      const source = { kind: 'imported', note: input.note, parity: input.parity === undefined ? 'own runs' : 'stated' };
      const rows =
        input.parity === undefined ? (await ports.winRows(input.window.windowId)).slice(0, PARITY_VECTORS) : [];
      const session = await openChecked(ports, bytes);
      try {
        const parity = [...(input.parity ?? [])];
        for (const row of rows) {
          const vector = Float32Array.from(row.features);
          parity.push({ input: [...vector], output: [...(await session.run(vector, 1))] });
        }
        return await bidDraft(ports, { ...input, bytes, parity, source });
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
    driftBins: await driftBinsOf(ports, input),
  };
}

/** Bins of the whole window: what the model will be asked about should look like it. */
async function driftBinsOf(ports: TrainingPorts, { bytes, window }: DraftInput): Promise<CandidateDraft['driftBins']> {
  const session = await openChecked(ports, bytes);
  try {
    return await freezeModelBins(session, await ports.winRows(window.windowId));
  } finally {
    await session.close();
  }
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
