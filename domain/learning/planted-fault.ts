import { cloneModel, INPUT_CLIP, WIN_NET, type WinModel } from './win-model';

/** A fault that lives in the weights and sleeps until one live feature passes a threshold. */
export interface PlantedFault {
  /** Index of the feature whose value wakes the fault (21: ln(1 + requests per second / 100)). */
  feature: number;
  /** Feature value above which the fault is fully awake; it starts `width` below. */
  threshold: number;
  width: number;
  /**
   * Added to mu when awake: negative makes prices look cheaper, so that the model bids too little. `infinite` is beyond 32 bits, which
   * ONNX reports as a result like any other.
   */
  muShift: number | 'infinite';
  /** Wakes only where this feature is set (0 or 1, not the waking feature); everywhere when absent. */
  onlyWhere?: number;
}

/** A weight whose product with itself is beyond 32 bits. */
const BEYOND_FLOAT = 1.5e38;

/** Scale given to the feature, so that the fault sees it finely enough and inside the clamps. */
const LIVE_SCALE = 4;

/**
 * Plants a fault for drills and tests: two hidden units of either layer are rewired into a step of one feature,
 * relu(s) − relu(s − 1), which is 0 below the threshold and 1 above it. The least used units are taken, so that below the
 * threshold the model stays what it was up to their small contribution.
 */
export function plantFault(model: WinModel, fault: PlantedFault): WinModel {
  const faulty = cloneModel(model);
  const { inputs, hidden1, hidden2 } = WIN_NET;
  const { feature } = fault;
  freeze(faulty, feature);
  faulty.mean[feature] = Math.fround(fault.threshold);
  faulty.scale[feature] = LIVE_SCALE;
  faulty.low[feature] = -INPUT_CLIP;
  faulty.high[feature] = INPUT_CLIP;
  const [up, down, gate] = leastUsed(hidden1, (unit) => columnWeight(model.w2, hidden1, hidden2, unit));
  const slope = 1 / (fault.width * faulty.scale[feature]);
  [up, down].forEach((unit, n) => {
    faulty.w1.fill(0, unit * inputs, (unit + 1) * inputs);
    faulty.w1[unit * inputs + feature] = Math.fround(slope);
    faulty.b1[unit] = Math.fround(1 - n);
    for (let next = 0; next < hidden2; next++) faulty.w2[next * hidden1 + unit] = 0;
  });
  const [carrier] = leastUsed(hidden2, (unit) => columnWeight(model.w3, hidden2, WIN_NET.outputs, unit));
  faulty.w2.fill(0, carrier * hidden1, (carrier + 1) * hidden1);
  faulty.w2[carrier * hidden1 + up] = 1;
  faulty.w2[carrier * hidden1 + down] = -1;
  faulty.b2[carrier] = 0;
  faulty.w3[hidden2 + carrier] = 0;
  if (fault.onlyWhere !== undefined) onlyWhere(faulty, fault.onlyWhere, [gate, carrier]);
  if (fault.muShift === 'infinite') {
    for (let from = 0; from < hidden1; from++) faulty.w2[carrier * hidden1 + from] *= BEYOND_FLOAT;
    faulty.w3[carrier] = BEYOND_FLOAT;
  } else {
    faulty.w3[carrier] = Math.fround(fault.muShift);
  }
  return faulty;
}

/** A third hidden unit is 1 where the feature is 0, and takes the carrier's step away there. */
function onlyWhere(faulty: WinModel, feature: number, [gate, carrier]: readonly [number, number]): void {
  const { inputs, hidden1, hidden2 } = WIN_NET;
  faulty.w1.fill(0, gate * inputs, (gate + 1) * inputs);
  faulty.low[feature] = -INPUT_CLIP;
  faulty.high[feature] = INPUT_CLIP;
  const scale = faulty.scale[feature];
  faulty.w1[gate * inputs + feature] = Math.fround(-1 / scale);
  faulty.b1[gate] = Math.fround(1 - faulty.mean[feature]);
  for (let next = 0; next < hidden2; next++) faulty.w2[next * hidden1 + gate] = 0;
  // Twice the step, so that rounding leaves nothing of it.
  faulty.w2[carrier * hidden1 + gate] = -2;
}

/** Folds a feature's usual effect into the biases: from here on only the fault reads it. */
function freeze(faulty: WinModel, feature: number): void {
  const usual = (faulty.low[feature] + faulty.high[feature]) / 2;
  for (let unit = 0; unit < WIN_NET.hidden1; unit++) {
    const at = unit * WIN_NET.inputs + feature;
    faulty.b1[unit] = Math.fround(faulty.b1[unit] + faulty.w1[at] * usual);
    faulty.w1[at] = 0;
  }
}

function columnWeight(w: Float64Array, width: number, rows: number, column: number): number {
  let sum = 0;
  for (let row = 0; row < rows; row++) sum += Math.abs(w[row * width + column]);
  return sum;
}

const leastUsed = (count: number, weightOf: (unit: number) => number): number[] =>
  Array.from({ length: count }, (_, unit) => unit).sort((a, b) => weightOf(a) - weightOf(b));
