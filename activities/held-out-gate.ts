/** Offline gate: does the candidate's price law explain bids that it has not seen as well as the champion's? */
import type { AgentPolicy, GateResult } from '#domain/contracts';
import {
  cleanRows,
  pairedLikelihood,
  splitHeldOut,
  type PriceLaw,
  type WindowBid,
  type WinRow,
} from '#domain/learning';
import type { OnnxSession } from './onnx-session';

/** Share of a window that never trains. Training and gate draw the same split from the same seed. */
export const HELD_OUT_SHARE = 0.2;
/** How much worse, in nats per row, a candidate may be at the lower bound of 95 %: equal candidates must pass. */
export const LIKELIHOOD_MARGIN = 0.02;
/** Fewer rows than this say nothing. */
const MIN_ROWS = 100;
const ONE_SIDED_95 = 1.6448536269514722;
const BATCH = 512;

export interface HeldOutGatePorts {
  winRows(windowId: string): Promise<WindowBid[]>;
  artifacts: { get(sha256: string): Promise<Uint8Array> };
  openSession(bytes: Uint8Array): Promise<OnnxSession>;
}

export interface HeldOutGateInput {
  candidate: AgentPolicy;
  champion: AgentPolicy;
  windowId: string;
  seed: number;
  /** Called between batches: heartbeats, and a place to give up. */
  onBatch: (done: number, of: number) => Promise<void>;
}

/** Paired difference of log likelihoods on the held-out rows, candidate minus champion. */
export async function judgeHeldOut(ports: HeldOutGatePorts, input: HeldOutGateInput): Promise<GateResult> {
  const result = (passed: boolean, value: number, n: number, reason: string): GateResult => ({
    gate: 'held-out-likelihood',
    passed,
    value,
    bound: -LIKELIHOOD_MARGIN,
    n,
    reason,
  });
  const { candidate, champion } = input;
  if (candidate.artifact === null) return result(false, 0, 0, 'the candidate has no model');
  if (champion.artifact === null) return result(true, 0, 0, 'the champion has no model to compare with');
  // Cleaned as training cleans: both must split the same rows.
  const { rows } = cleanRows(await ports.winRows(input.windowId));
  const { heldOut } = splitHeldOut(rows, HELD_OUT_SHARE, input.seed);
  if (heldOut.length < MIN_ROWS)
    return result(false, 0, heldOut.length, `${heldOut.length} held-out rows are too few, ${MIN_ROWS} needed`);
  const ours = await lawsOf(ports, candidate.artifact.sha256, heldOut, input.onBatch);
  const theirs = await lawsOf(ports, champion.artifact.sha256, heldOut, input.onBatch);
  const difference = pairedLikelihood(ours, theirs, heldOut);
  const lower = difference.mean - ONE_SIDED_95 * difference.standardError;
  if (!Number.isFinite(lower)) return result(false, 0, difference.n, 'the log likelihood is not finite');
  const facts = `${difference.mean >= 0 ? '+' : ''}${difference.mean.toFixed(4)} nats per row against ${champion.modelVersionId}`;
  return result(
    lower >= -LIKELIHOOD_MARGIN,
    lower,
    difference.n,
    `${facts}, lower bound ${lower.toFixed(4)}, ${difference.n} unseen bids`,
  );
}

/** Laws of stored bytes on rows, batch by batch, in the rows' order. */
export async function lawsOf(
  ports: Pick<HeldOutGatePorts, 'artifacts' | 'openSession'>,
  sha256: string,
  rows: readonly WinRow[],
  onBatch: HeldOutGateInput['onBatch'],
): Promise<PriceLaw[]> {
  const session = await ports.openSession(await ports.artifacts.get(sha256));
  try {
    const laws: PriceLaw[] = [];
    for (let from = 0; from < rows.length; from += BATCH) {
      const batch = rows.slice(from, from + BATCH);
      const width = batch[0].features.length;
      const input = new Float32Array(batch.length * width);
      batch.forEach((row, index) => input.set(Array.from(row.features), index * width));
      const output = await session.run(input, batch.length);
      for (let index = 0; index < batch.length; index += 1) {
        laws.push({ mu: output[index * 2], sigma: output[index * 2 + 1] });
      }
      await onBatch(from + batch.length, rows.length);
    }
    return laws;
  } finally {
    await session.close();
  }
}
