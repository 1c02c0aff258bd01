/** Widths of the net: 24 features, two hidden layers, outputs (mu, raw sigma). agents.md, "Bid agent". */
export const WIN_NET = { inputs: 24, hidden1: 64, hidden2: 32, outputs: 2 } as const;

/** Smallest standard deviation of ln price that the model may claim. */
export const SIGMA_MIN = 0.05;
/** No normalised input ever goes beyond this. */
export const INPUT_CLIP = 5;

/**
 * Win model: ln price ~ N(mu(x), sigma(x)). Weights are row-major [outputs × inputs]; the normaliser is part of the model:
 * x̂ = clamp((x − mean) · scale, low, high), where low and high are what the window has shown: beyond it the model answers as at the
 * border instead of extrapolating.
 */
export interface WinModel {
  mean: Float64Array;
  scale: Float64Array;
  low: Float64Array;
  high: Float64Array;
  w1: Float64Array;
  b1: Float64Array;
  w2: Float64Array;
  b2: Float64Array;
  w3: Float64Array;
  b3: Float64Array;
}

/** The trained tensors, without the normaliser. */
export type Tensors = Pick<WinModel, 'w1' | 'b1' | 'w2' | 'b2' | 'w3' | 'b3'>;
export const TENSOR_NAMES = ['w1', 'b1', 'w2', 'b2', 'w3', 'b3'] as const;
export const NORMALISER_NAMES = ['mean', 'scale', 'low', 'high'] as const;

/** Number of values of each array of the model. */
export const TENSOR_LENGTHS: Readonly<Record<keyof WinModel, number>> = {
  mean: WIN_NET.inputs,
  scale: WIN_NET.inputs,
  low: WIN_NET.inputs,
  high: WIN_NET.inputs,
  w1: WIN_NET.hidden1 * WIN_NET.inputs,
  b1: WIN_NET.hidden1,
  w2: WIN_NET.hidden2 * WIN_NET.hidden1,
  b2: WIN_NET.hidden2,
  w3: WIN_NET.outputs * WIN_NET.hidden2,
  b3: WIN_NET.outputs,
};

/** Price law of one row: mean and standard deviation of ln(USD CPM). */
export interface PriceLaw {
  mu: number;
  sigma: number;
}

export const softplus = (x: number): number => (x > 30 ? x : Math.log1p(Math.exp(x)));
export const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

/** Layers' activations of one row, kept for the backward pass. */
export interface Activations {
  x: Float64Array;
  h1: Float64Array;
  h2: Float64Array;
  out: Float64Array;
}

export const newActivations = (): Activations => ({
  x: new Float64Array(WIN_NET.inputs),
  h1: new Float64Array(WIN_NET.hidden1),
  h2: new Float64Array(WIN_NET.hidden2),
  out: new Float64Array(WIN_NET.outputs),
});

/** y = W·x + b, with ReLU when asked. */
function dense(w: Float64Array, b: Float64Array, x: Float64Array, y: Float64Array, relu: boolean): void {
  const width = x.length;
  for (let o = 0; o < y.length; o++) {
    let sum = b[o];
    const row = o * width;
    for (let i = 0; i < width; i++) sum += w[row + i] * x[i];
    y[o] = relu && sum < 0 ? 0 : sum;
  }
}

/** Runs the net on one row of features; `a.out` holds (mu, raw sigma). */
export function forward(model: WinModel, features: ArrayLike<number>, a: Activations): void {
  for (let i = 0; i < WIN_NET.inputs; i++) {
    const value = (features[i] - model.mean[i]) * model.scale[i];
    a.x[i] = Math.min(model.high[i], Math.max(model.low[i], value));
  }
  dense(model.w1, model.b1, a.x, a.h1, true);
  dense(model.w2, model.b2, a.h1, a.h2, true);
  dense(model.w3, model.b3, a.h2, a.out, false);
}

/** Price law of one row of features. */
export function predictLaw(model: WinModel, features: ArrayLike<number>, a: Activations = newActivations()): PriceLaw {
  forward(model, features, a);
  return { mu: a.out[0], sigma: softplus(a.out[1]) + SIGMA_MIN };
}

/** A deep copy, so that an altered model never shares weights with its original. */
export const cloneModel = (model: WinModel): WinModel =>
  Object.fromEntries(
    Object.entries(model).map(([name, values]) => [name, Float64Array.from(values as Float64Array)]),
  ) as unknown as WinModel;
