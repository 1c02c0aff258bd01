/** The int8 twin of a trained model: made, judged on unseen bids, timed against its original, and shipped only if both hold. */
import type { ArtifactRef, Int8Twin } from '#domain/contracts';
import {
  activationRanges,
  cleanRows,
  decodeWinModelOnnx,
  encodeWinModelInt8,
  pairedLikelihood,
  splitHeldOut,
  TWIN_LOSS_BOUND,
  TWIN_SPEED_BOUND,
  type WinRow,
} from '#domain/learning';
import { HELD_OUT_SHARE, lawsOf } from './held-out-gate';
import type { OnnxSession } from './onnx-session';
import type { CandidateDraft, TrainingPorts } from './training-ports';

const ONE_SIDED_95 = 1.6448536269514722;
/** Most requests ask for one impression. */
const BATCH_ROWS = 1;
const ROUNDS = 15;
const RUNS_PER_ROUND = 100;
/** A twin rounds where its original does not: its own golden vectors come from its own runs, to this tolerance. */
const TWIN_TOLERANCE = 1e-4;

type TwinPorts = Pick<TrainingPorts, 'artifacts' | 'openSession' | 'openServed' | 'winRows' | 'elapsedMs'>;

/** The draft with its twin's record; its policy serves the twin where that ships. A draft without a model stays as it is. */
export async function addTwin(
  ports: TwinPorts,
  draft: CandidateDraft,
  onBatch: (done: number, of: number) => Promise<void>,
): Promise<CandidateDraft> {
  const { artifact } = draft.policy;
  if (artifact === null || draft.hyperParameters.kind !== 'trained') return draft;
  const original = await ports.artifacts.get(artifact.sha256);
  const { rows } = cleanRows(await ports.winRows(draft.window.windowId));
  const { train, heldOut } = splitHeldOut(rows, HELD_OUT_SHARE, draft.seed);
  const model = decodeWinModelOnnx(original);
  const bytes = encodeWinModelInt8(model, activationRanges(model, train));
  const sha256 = await ports.artifacts.put(bytes);
  const lossNats = await lossOf(ports, { original: artifact.sha256, twin: sha256 }, heldOut, onBatch);
  // Timed as an edge runs them: the runtime alone would compare two calls that the original never makes.
  const sessions = [await ports.openServed(original), await ports.openServed(bytes)] as const;
  try {
    const speedRatio = await speedOf(ports, sessions, heldOut);
    const isFast = speedRatio >= TWIN_SPEED_BOUND;
    const isGood = Number.isFinite(lossNats) && lossNats <= TWIN_LOSS_BOUND;
    const facts = `loses ${lossNats.toFixed(4)} nats per row (bound ${TWIN_LOSS_BOUND}), ${speedRatio.toFixed(2)} times as fast (bound ${TWIN_SPEED_BOUND})`;
    const shipped = isFast && isGood;
    const int8: Int8Twin = {
      ...{ sha256, sizeBytes: bytes.byteLength, originalSha256: artifact.sha256 },
      lossNats: Number.isFinite(lossNats) ? lossNats : 1e9,
      ...{ lossBound: TWIN_LOSS_BOUND, speedRatio, speedBound: TWIN_SPEED_BOUND, batchRows: BATCH_ROWS, shipped },
      reason: shipped ? `shipped: ${facts}` : `not shipped: ${isGood ? 'not faster' : 'too lossy'}; ${facts}`,
    };
    return shipped ? await servedBy(draft, artifact, int8, sessions[1]) : { ...draft, int8 };
  } finally {
    for (const session of sessions) await session.close();
  }
}

/** Upper bound of 95 % of what the twin loses per unseen row, nats; infinite when there are too few rows to say. */
async function lossOf(
  ports: TwinPorts,
  pair: { original: string; twin: string },
  heldOut: readonly WinRow[],
  onBatch: (done: number, of: number) => Promise<void>,
): Promise<number> {
  if (heldOut.length < 2) return Infinity;
  const ours = await lawsOf(ports, pair.original, heldOut, onBatch);
  const theirs = await lawsOf(ports, pair.twin, heldOut, onBatch);
  const loss = pairedLikelihood(ours, theirs, heldOut);
  return loss.mean + ONE_SIDED_95 * loss.standardError;
}

/** Median run time of the first session over that of the second, taken turn about in the same run. */
async function speedOf(
  ports: TwinPorts,
  sessions: readonly [OnnxSession, OnnxSession],
  rows: readonly WinRow[],
): Promise<number> {
  if (rows.length === 0) return 0;
  const width = rows[0].features.length;
  const batch = new Float32Array(BATCH_ROWS * width);
  for (let n = 0; n < BATCH_ROWS; n++) batch.set(Array.from(rows[n % rows.length].features), n * width);
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [side, session] of sessions.entries()) {
      const startedMs = ports.elapsedMs();
      for (let n = 0; n < RUNS_PER_ROUND; n++) await session.run(batch, BATCH_ROWS);
      times[side].push(ports.elapsedMs() - startedMs);
    }
  }
  const [original, twin] = times.map((list) => list.sort((a, b) => a - b)[ROUNDS >> 1]);
  return twin > 0 ? original / twin : 0;
}

async function servedBy(
  draft: CandidateDraft,
  artifact: ArtifactRef,
  int8: Int8Twin,
  session: OnnxSession,
): Promise<CandidateDraft> {
  const parity = [];
  for (const { input } of artifact.parity) {
    parity.push({ input, output: [...(await session.run(Float32Array.from(input), 1))] });
  }
  const { sha256, sizeBytes } = int8;
  const policy = {
    ...draft.policy,
    modelVersionId: `${draft.policy.modelVersionId}-int8`,
    artifact: { ...artifact, sha256, sizeBytes, parity, tolerance: TWIN_TOLERANCE },
  } as CandidateDraft['policy'];
  return { ...draft, policy, int8 };
}
