import { LAW_NODES, NORMALISER_NODES, normaliserTensors, WIN_INPUT, WIN_OUTPUT } from './onnx-graph';
import { bytes, encodeGraph, floats, integer, longs, matrix, node, type TensorMessage } from './onnx-proto';
import { SIGMA_MIN, WIN_NET, type WinModel } from './win-model';

/** Nats per held-out row that an int8 twin may lose at the upper bound of 95 %: a quarter of the gate's own margin. */
export const TWIN_LOSS_BOUND = 0.005;
/** How much faster than its original a twin must be, as a ratio of median run times: less is within the noise of a busy machine. */
export const TWIN_SPEED_BOUND = 1.1;

const INT8_MAX = 127;
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

/**
 * The int8 twin of a win model as ONNX bytes: weights are bytes, activations are quantised as they come
 * (DynamicQuantizeLinear, MatMulInteger), biases, normaliser and law stay floats. Same input, output and opset as the original; the
 * same weights give the same bytes.
 */
export function encodeWinModelInt8(model: WinModel): Uint8Array {
  const { inputs, hidden1, hidden2, outputs } = WIN_NET;
  const layers = [
    int8Layer({ n: 1, x: 'x', y: 'a1', w: model.w1, b: model.b1, outputs: hidden1, inputs }),
    int8Layer({ n: 2, x: 'h1', y: 'a2', w: model.w2, b: model.b2, outputs: hidden2, inputs: hidden1 }),
    int8Layer({ n: 3, x: 'h2', y: 'out', w: model.w3, b: model.b3, outputs, inputs: hidden2 }),
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
}

/** y = x·W + b with W in bytes: quantise x, multiply as integers, scale back by both scales. */
function int8Layer(layer: LayerInput): { tensors: TensorMessage[]; nodes: object[] } {
  const { n, x, y, outputs, inputs } = layer;
  const { q, scale } = quantiseRows(layer.w, outputs, inputs);
  const name = (part: string) => `${part}${n}`;
  return {
    tensors: [
      bytes(name('q'), [inputs, outputs], q),
      bytes(name('qZero'), [], Int8Array.of(0)),
      floats(name('qScale'), [outputs], scale),
      floats(name('b'), [outputs], layer.b),
    ],
    nodes: [
      node('DynamicQuantizeLinear', [x], [name('xq'), name('xScale'), name('xZero')]),
      node('MatMulInteger', [name('xq'), name('q'), name('xZero'), name('qZero')], [name('sum')]),
      node('Cast', [name('sum')], [name('sumFloat')], [integer('to', TO_FLOAT)]),
      node('Mul', [name('xScale'), name('qScale')], [name('bothScales')]),
      node('Mul', [name('sumFloat'), name('bothScales')], [name('product')]),
      node('Add', [name('product'), name('b')], [y]),
    ],
  };
}
