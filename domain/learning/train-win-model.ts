import { resumableRandom, seededNormal, seededRandom } from '../evaluation/seeded-random';
import { fitNormaliser } from './fit-normaliser';
import { splitHeldOut } from './held-out';
import { LearningError } from './learning-error';
import { type TrainingCheckpoint, trainingIdentity } from './training-checkpoint';
import { rowLoss } from './win-likelihood';
import { cloneModel, newActivations, predictLaw, TENSOR_NAMES, WIN_NET, type WinModel } from './win-model';
import { DEFAULT_WIN_HYPER, type WinHyper } from './win-hyper';
import type { WinRow } from './win-row';
import { WinTrainer } from './win-trainer';

/** Progress of a run. The caller keeps the clock: rows per second = rowsSeen / its own elapsed time. */
export interface TrainingProgress {
  epoch: number;
  epochs: number;
  /** Mean validation loss after the last whole epoch; null during the first. */
  loss: number | null;
  rowsSeen: number;
  /** Share of the longest possible run that is done, 0..1; early stopping ends it sooner. */
  fraction: number;
}

/** Rows between two calls of `onProgress`: some 20 ms of work, so that a heartbeat or a cancellation gets in. */
const ROWS_PER_BREATH = 2048;
const VALIDATION_SHARE = 0.15;

/** How a run is kept, so that a dead process costs one epoch at most. */
export interface TrainingKeeper {
  /** State after a whole epoch to go on from; one of other rows, settings or seed is not taken up. */
  from?: TrainingCheckpoint | null;
  /** Called after each epoch but the last; the arrays change with the next one, so encode them at once. */
  onCheckpoint?(checkpoint: TrainingCheckpoint): Promise<void>;
}

/**
 * Fits the censored win model by AdamW on mini-batches with early stopping. Deterministic: the same rows, hyper-parameters and
 * seed give the same weights bit for bit (double precision, one thread, fixed order), also when taken up from a checkpoint.
 * @throws LearningError EMPTY_WINDOW, TOO_FEW_ROWS, ONE_CLASS, BAD_ROW, NAN_LOSS; whatever the callbacks throw
 */
export async function trainWinModel(
  rows: readonly WinRow[],
  hyper: Partial<WinHyper>,
  seed: number,
  onProgress: (progress: TrainingProgress) => Promise<void>,
  keeper: TrainingKeeper = {},
): Promise<WinModel> {
  const settings = { ...DEFAULT_WIN_HYPER, ...hyper };
  assertLearnable(rows, settings.minRows);
  const { train, heldOut: validation } = splitHeldOut(rows, VALIDATION_SHARE, seed);
  const identity = trainingIdentity(train.length, settings, seed);
  const from = keeper.from?.identity === identity ? keeper.from : null;
  const random = resumableRandom(seed ^ 0x5eed, from?.random);
  const trainer = new WinTrainer(from?.model ?? startingModel(train, seed), settings, from?.optimiser);
  const order = from?.order ?? Uint32Array.from(train.keys());
  const best = from?.best ?? { loss: Infinity, model: cloneModel(trainer.model), epoch: 0 };
  let rowsSeen = from?.rowsSeen ?? 0;
  for (let epoch = (from?.epoch ?? 0) + 1; epoch <= settings.epochs; epoch++) {
    shuffle(order, random.next);
    for (let at = 0; at < order.length; at += settings.batchRows) {
      trainer.step(train, order.subarray(at, at + settings.batchRows));
      rowsSeen += Math.min(settings.batchRows, order.length - at);
      if (rowsSeen % ROWS_PER_BREATH < settings.batchRows) {
        const loss = Number.isFinite(best.loss) ? best.loss : null;
        const fraction = rowsSeen / (order.length * settings.epochs);
        await onProgress({ epoch, epochs: settings.epochs, loss, rowsSeen, fraction });
      }
    }
    const loss = meanLoss(trainer.model, validation);
    if (!Number.isFinite(loss)) throw new LearningError('NAN_LOSS', `validation loss is ${loss} after epoch ${epoch}`);
    if (loss < best.loss) Object.assign(best, { loss, model: cloneModel(trainer.model), epoch });
    else if (epoch - best.epoch >= settings.patience) break;
    if (epoch === settings.epochs || keeper.onCheckpoint === undefined) continue;
    const { model } = trainer;
    await keeper.onCheckpoint({
      ...{ identity, epoch, rowsSeen, model, order, best },
      optimiser: trainer.state(),
      random: random.state(),
    });
  }
  return rounded(best.model);
}

/** Refuses data from which no win law can be learned. */
function assertLearnable(rows: readonly WinRow[], minRows: number): void {
  if (rows.length === 0) throw new LearningError('EMPTY_WINDOW', 'the window holds no bids');
  if (rows.length < minRows) {
    throw new LearningError('TOO_FEW_ROWS', `${rows.length} bids are fewer than the ${minRows} that training needs`);
  }
  const wins = rows.filter((row) => row.won).length;
  if (wins === 0 || wins === rows.length) {
    throw new LearningError(
      'ONE_CLASS',
      `all ${rows.length} bids were ${wins === 0 ? 'lost' : 'won'}: no price can be told`,
    );
  }
  rows.forEach((row, n) => {
    const finite =
      row.bidMicros > 0 && Number.isFinite(row.bidMicros) && Array.prototype.every.call(row.features, Number.isFinite);
    if (!finite || row.features.length !== WIN_NET.inputs) {
      throw new LearningError('BAD_ROW', `row ${n} has a non-finite or missing feature, or no bid`);
    }
  });
}

/** He initialisation; the output starts at the mean ln price that the bids suggest and sigma near 0.7. */
function startingModel(rows: readonly WinRow[], seed: number): WinModel {
  const normal = seededNormal(seededRandom(seed));
  const filled = (length: number, deviation: number) => Float64Array.from({ length }, () => normal() * deviation);
  const { inputs, hidden1, hidden2, outputs } = WIN_NET;
  const meanLnBid = rows.reduce((sum, row) => sum + Math.log(row.bidMicros / 1e6), 0) / rows.length;
  return {
    ...fitNormaliser(rows),
    w1: filled(hidden1 * inputs, Math.sqrt(2 / inputs)),
    b1: new Float64Array(hidden1),
    w2: filled(hidden2 * hidden1, Math.sqrt(2 / hidden1)),
    b2: new Float64Array(hidden2),
    w3: filled(outputs * hidden2, 0.01),
    b3: Float64Array.of(meanLnBid, 0),
  };
}

function shuffle(order: Uint32Array, rng: () => number): void {
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(rng() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
}

function meanLoss(model: WinModel, rows: readonly WinRow[]): number {
  const a = newActivations();
  let sum = 0;
  for (const row of rows) {
    const { mu, sigma } = predictLaw(model, row.features, a);
    sum += rowLoss(row, mu, sigma);
  }
  return sum / Math.max(1, rows.length);
}

/** Weights as the 32-bit floats that the artifact will hold. */
function rounded(model: WinModel): WinModel {
  const copy = cloneModel(model);
  for (const name of TENSOR_NAMES) copy[name] = copy[name].map(Math.fround);
  return copy;
}
