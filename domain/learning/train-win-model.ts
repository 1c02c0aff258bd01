import { seededNormal, seededRandom } from '../evaluation/seeded-random';
import { fitNormaliser } from './fit-normaliser';
import { splitHeldOut } from './held-out';
import { LearningError } from './learning-error';
import { rowGradient, rowLoss } from './win-likelihood';
import { cloneModel, logistic, newActivations, forward, predictLaw, SIGMA_MIN, softplus, WIN_NET } from './win-model';
import type { Activations, WinModel } from './win-model';
import type { WinRow } from './win-row';

/** Hyper-parameters of the win model. */
export interface WinHyper {
  epochs: number;
  batchRows: number;
  learningRate: number;
  /** L2 decay per step on the weights, decoupled from the gradient (AdamW). */
  weightDecay: number;
  /** Epochs without a better validation loss before training stops. */
  patience: number;
  minRows: number;
}

export const DEFAULT_WIN_HYPER: WinHyper = {
  epochs: 30,
  batchRows: 128,
  learningRate: 0.002,
  weightDecay: 1e-3,
  patience: 4,
  minRows: 200,
};

/** Progress of a run. The caller keeps the clock: rows per second = rowsSeen / its own elapsed time. */
export interface TrainingProgress {
  epoch: number;
  epochs: number;
  /** Mean validation loss after the last whole epoch; null during the first. */
  loss: number | null;
  rowsSeen: number;
}

/** Rows between two calls of `onProgress`: some 20 ms of work, so that a heartbeat or a cancellation gets in. */
const ROWS_PER_BREATH = 2048;
const VALIDATION_SHARE = 0.15;
const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

type Tensors = Pick<WinModel, 'w1' | 'b1' | 'w2' | 'b2' | 'w3' | 'b3'>;
const TENSOR_NAMES = ['w1', 'b1', 'w2', 'b2', 'w3', 'b3'] as const;

/**
 * Fits the censored win model by AdamW on mini-batches with early stopping. Deterministic: the same rows, hyper-parameters and
 * seed give the same weights bit for bit (double precision, one thread, fixed order).
 * @throws LearningError EMPTY_WINDOW, TOO_FEW_ROWS, ONE_CLASS, BAD_ROW, NAN_LOSS; whatever `onProgress` throws
 */
export async function trainWinModel(
  rows: readonly WinRow[],
  hyper: Partial<WinHyper>,
  seed: number,
  onProgress: (progress: TrainingProgress) => Promise<void>,
): Promise<WinModel> {
  const settings = { ...DEFAULT_WIN_HYPER, ...hyper };
  assertLearnable(rows, settings.minRows);
  const { train, heldOut: validation } = splitHeldOut(rows, VALIDATION_SHARE, seed);
  const rng = seededRandom(seed ^ 0x5eed);
  const trainer = new Trainer(startingModel(train, seed), settings);
  const order = Uint32Array.from(train.keys());
  let best = { loss: Infinity, model: cloneModel(trainer.model), epoch: 0 };
  let rowsSeen = 0;
  for (let epoch = 1; epoch <= settings.epochs; epoch++) {
    shuffle(order, rng);
    for (let at = 0; at < order.length; at += settings.batchRows) {
      trainer.step(train, order.subarray(at, at + settings.batchRows));
      rowsSeen += Math.min(settings.batchRows, order.length - at);
      if (rowsSeen % ROWS_PER_BREATH < settings.batchRows) {
        const loss = Number.isFinite(best.loss) ? best.loss : null;
        await onProgress({ epoch, epochs: settings.epochs, loss, rowsSeen });
      }
    }
    const loss = meanLoss(trainer.model, validation);
    if (!Number.isFinite(loss)) throw new LearningError('NAN_LOSS', `validation loss is ${loss} after epoch ${epoch}`);
    if (loss < best.loss) best = { loss, model: cloneModel(trainer.model), epoch };
    else if (epoch - best.epoch >= settings.patience) break;
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

/** One AdamW optimiser over the six tensors; buffers are made once. */
class Trainer {
  private readonly gradient: Tensors;
  private readonly first: Tensors;
  private readonly second: Tensors;
  private readonly activations: Activations = newActivations();
  private readonly d1 = new Float64Array(WIN_NET.hidden1);
  private readonly d2 = new Float64Array(WIN_NET.hidden2);
  private readonly dOut = new Float64Array(WIN_NET.outputs);
  private steps = 0;

  constructor(
    readonly model: WinModel,
    private readonly hyper: WinHyper,
  ) {
    this.gradient = zeros(model);
    this.first = zeros(model);
    this.second = zeros(model);
  }

  /** One gradient step on the rows that `picks` names. */
  step(rows: readonly WinRow[], picks: Uint32Array): void {
    for (const name of TENSOR_NAMES) this.gradient[name].fill(0);
    for (let p = 0; p < picks.length; p++) this.accumulate(rows[picks[p]]);
    this.steps++;
    const rate = (this.hyper.learningRate * Math.sqrt(1 - BETA2 ** this.steps)) / (1 - BETA1 ** this.steps);
    for (const name of TENSOR_NAMES) {
      const decay = name.startsWith('w') ? this.hyper.learningRate * this.hyper.weightDecay : 0;
      this.update(
        this.model[name],
        this.gradient[name],
        this.first[name],
        this.second[name],
        picks.length,
        rate,
        decay,
      );
    }
  }

  private update(
    weights: Float64Array,
    gradient: Float64Array,
    first: Float64Array,
    second: Float64Array,
    n: number,
    rate: number,
    decay: number,
  ): void {
    for (let i = 0; i < weights.length; i++) {
      const g = gradient[i] / n;
      first[i] = BETA1 * first[i] + (1 - BETA1) * g;
      second[i] = BETA2 * second[i] + (1 - BETA2) * g * g;
      weights[i] -= (rate * first[i]) / (Math.sqrt(second[i]) + EPSILON) + decay * weights[i];
    }
  }

  /** Adds one row's gradient: the chain rule through sigma = softplus(raw) + SIGMA_MIN and the two ReLU layers. */
  private accumulate(row: WinRow): void {
    const { activations: a, model, gradient, d1, d2, dOut } = this;
    forward(model, row.features, a);
    rowGradient(row, a.out[0], softplus(a.out[1]) + SIGMA_MIN, dOut);
    dOut[1] *= logistic(a.out[1]);
    backLayer(model.w3, gradient.w3, gradient.b3, a.h2, dOut, d2);
    backLayer(model.w2, gradient.w2, gradient.b2, a.h1, d2, d1);
    backLayer(model.w1, gradient.w1, gradient.b1, a.x, d1, null);
  }
}

/**
 * Back through one dense layer: adds dW and db, and writes the gradient of its (ReLU) inputs to `dInput`. An input that is
 * exactly 0 was cut by its ReLU and gets no gradient.
 */
function backLayer(
  w: Float64Array,
  dW: Float64Array,
  db: Float64Array,
  input: Float64Array,
  dOutput: Float64Array,
  dInput: Float64Array | null,
): void {
  const width = input.length;
  dInput?.fill(0);
  for (let o = 0; o < dOutput.length; o++) {
    const d = dOutput[o];
    if (d === 0) continue;
    db[o] += d;
    const row = o * width;
    for (let i = 0; i < width; i++) {
      if (input[i] === 0) continue;
      dW[row + i] += d * input[i];
      if (dInput) dInput[i] += d * w[row + i];
    }
  }
}

const zeros = (model: WinModel): Tensors =>
  Object.fromEntries(TENSOR_NAMES.map((name) => [name, new Float64Array(model[name].length)])) as unknown as Tensors;
