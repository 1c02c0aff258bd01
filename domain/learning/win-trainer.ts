import type { WinHyper } from './win-hyper';
import { rowGradient } from './win-likelihood';
import { forward, logistic, newActivations, SIGMA_MIN, softplus, TENSOR_NAMES, WIN_NET } from './win-model';
import type { Activations, Tensors, WinModel } from './win-model';
import type { WinRow } from './win-row';

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/** Moments and step count of AdamW: with the weights, all that the next step depends on. */
export interface OptimiserState {
  first: Tensors;
  second: Tensors;
  steps: number;
}

/** One AdamW optimiser over the six tensors; buffers are made once. */
export class WinTrainer {
  private readonly gradient: Tensors;
  private readonly first: Tensors;
  private readonly second: Tensors;
  private steps: number;
  private readonly activations: Activations = newActivations();
  private readonly d1 = new Float64Array(WIN_NET.hidden1);
  private readonly d2 = new Float64Array(WIN_NET.hidden2);
  private readonly dOut = new Float64Array(WIN_NET.outputs);

  constructor(
    readonly model: WinModel,
    private readonly hyper: WinHyper,
    from?: OptimiserState,
  ) {
    this.gradient = zeros(model);
    this.first = from?.first ?? zeros(model);
    this.second = from?.second ?? zeros(model);
    this.steps = from?.steps ?? 0;
  }

  /** The state as it is now; it changes with the next step, so copy it before that. */
  state(): OptimiserState {
    return { first: this.first, second: this.second, steps: this.steps };
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
