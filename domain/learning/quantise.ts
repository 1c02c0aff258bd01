import { LAW_NODES, NORMALISER_NODES, normaliserTensors, WIN_INPUT, WIN_OUTPUT } from './onnx-graph';
import { bytes, encodeGraph, floats, integer, longs, matrix, node, type TensorMessage, unsigned } from './onnx-proto';
import { forward, INPUT_CLIP, newActivations, SIGMA_MIN, WIN_NET, type WinModel } from './win-model';
import type { WinRow } from './win-row';

/** Nats per held-out row that an int8 twin may lose at the upper bound of 95 %: a quarter of the gate's own margin. */
export const TWIN_LOSS_BOUND = 0.005;
/** How much faster than its original a twin must be, as a ratio of median run times: less is within the noise of a busy machine. */
export const TWIN_SPEED_BOUND = 1.1;

const INT8_MAX = 127;
const UINT8_MAX = 255;
const RANGE_ROWS = 4096;
/** onnx.proto TensorProto.DataType of a cast's target. */
const TO_FLOAT = 1;

/** A matrix as signed bytes, one scale per output: w ≈ q · scale. */
export interface QuantisedMatrix {
  /** Row-major [inputs × outputs], as MatMulInteger takes its right side. */
  q: Int8Array;
  scale: Float64Array;
}

/** Symmetric quantisation per output of a row-major [outputs × inputs] matrix; largest error half a scale. */
export function quantiseRows(w: Float64Array, outputs: number, inputs: number): QuantisedMatrix {
  const q = new Int8Array(w.length);
  const scale = new Float64Array(outputs);
  for (let o = 0; o < outputs; o++) {
    let most = 0;
    for (let i = 0; i < inputs; i++) most = Math.max(most, Math.abs(w[o * inputs + i]));
    // A row of zeros keeps scale 1: dividing by 0 would write NaN into the artifact.
    scale[o] = Math.fround(most === 0 ? 1 : most / INT8_MAX);
    for (let i = 0; i < inputs; i++) q[i * outputs + o] = Math.round(w[o * inputs + i] / scale[o]);
  }
  return { q, scale };
}

/** Largest activations seen on rows of the window: where each layer's input is cut off. */
export interface ActivationRanges {
  hidden1: number;
  hidden2: number;
}

/** Largest outputs of both hidden layers over at most 4,096 rows, evenly spread. */
export function activationRanges(model: WinModel, rows: readonly WinRow[]): ActivationRanges {
  const a = newActivations();
  const stride = Math.max(1, Math.ceil(rows.length / RANGE_ROWS));
  let [hidden1, hidden2] = [0, 0];
  for (let at = 0; at < rows.length; at += stride) {
    forward(model, rows[at].features, a);
    for (const value of a.h1) hidden1 = Math.max(hidden1, value);
    for (const value of a.h2) hidden2 = Math.max(hidden2, value);
  }
  return { hidden1: hidden1 || 1, hidden2: hidden2 || 1 };
}

/**
 * The int8 twin of a win model as ONNX bytes: weights and activations are bytes, biases, normaliser and law stay floats. The scales of
 * activations are fixed by `ranges`: scales taken from each batch (DynamicQuantizeLinear) would make a row's answer depend on the rows
 * beside it, and no decision could be replayed. Same input, output and opset as the original; the same weights give the same bytes.
 */
export function encodeWinModelInt8(model: WinModel, ranges: ActivationRanges): Uint8Array {
  const { inputs, hidden1, hidden2, outputs } = WIN_NET;
  const x = { scale: INPUT_CLIP / INT8_MAX, zero: INT8_MAX + 1 };
  const positive = (range: number) => ({ scale: range / UINT8_MAX, zero: 0 });
  const layers = [
    int8Layer({ n: 1, x: 'x', y: 'a1', w: model.w1, b: model.b1, outputs: hidden1, inputs, ...x }),
    int8Layer({
      ...{ n: 2, x: 'h1', y: 'a2', w: model.w2, b: model.b2, outputs: hidden2, inputs: hidden1 },
      ...positive(ranges.hidden1),
    }),
    int8Layer({
      ...{ n: 3, x: 'h2', y: 'out', w: model.w3, b: model.b3, outputs, inputs: hidden2 },
      ...positive(ranges.hidden2),
    }),
  ];
  return encodeGraph({
    name: 'win-model-int8',
    input: [matrix(WIN_INPUT, inputs)],
    output: [matrix(WIN_OUTPUT, outputs)],
    initializer: [
      ...normaliserTensors(model),
      ...layers.flatMap((layer) => layer.tensors),
      floats('sigmaMin', [1], [SIGMA_MIN]),
      longs('columns', [1, 1]),
    ],
    node: [
      ...NORMALISER_NODES,
      ...layers[0].nodes,
      node('Relu', ['a1'], ['h1']),
      ...layers[1].nodes,
      node('Relu', ['a2'], ['h2']),
      ...layers[2].nodes,
      ...LAW_NODES,
    ],
  });
}

interface LayerInput {
  n: number;
  x: string;
  y: string;
  w: Float64Array;
  b: Float64Array;
  outputs: number;
  inputs: number;
  /** The input as bytes: x ≈ (byte − zero) · scale. */
  scale: number;
  zero: number;
}

/** y = x·W + b with both sides in bytes: quantise x, multiply as integers, scale back by both scales. */
function int8Layer(layer: LayerInput): { tensors: TensorMessage[]; nodes: object[] } {
  const { n, x, y, outputs, inputs } = layer;
  const { q, scale } = quantiseRows(layer.w, outputs, inputs);
  const xScale = Math.fround(layer.scale);
  const name = (part: string) => `${part}${n}`;
  return {
    tensors: [
      bytes(name('q'), [inputs, outputs], q),
      floats(name('xScale'), [], [xScale]),
      unsigned(name('xZero'), layer.zero),
      floats(
        name('bothScales'),
        [outputs],
        scale.map((value) => value * xScale),
      ),
      floats(name('b'), [outputs], layer.b),
    ],
    nodes: [
      node('QuantizeLinear', [x, name('xScale'), name('xZero')], [name('xq')]),
      node('MatMulInteger', [name('xq'), name('q'), name('xZero')], [name('sum')]),
      node('Cast', [name('sum')], [name('sumFloat')], [integer('to', TO_FLOAT)]),
      node('Mul', [name('sumFloat'), name('bothScales')], [name('product')]),
      node('Add', [name('product'), name('b')], [y]),
    ],
  };
}
