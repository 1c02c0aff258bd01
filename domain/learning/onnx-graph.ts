import { encodeGraph, floats, integer, longs, matrix, ModelProto, node, type TensorMessage } from './onnx-proto';
import { NORMALISER_NAMES, SIGMA_MIN, WIN_NET, type WinModel } from './win-model';

export const WIN_INPUT = 'features';
export const WIN_OUTPUT = 'law';

/** `features` to the normalised, clamped row `x`. */
export const NORMALISER_NODES = [
  node('Sub', [WIN_INPUT, 'mean'], ['centred']),
  node('Mul', ['centred', 'scale'], ['scaled']),
  node('Max', ['scaled', 'low'], ['bounded']),
  node('Min', ['bounded', 'high'], ['x']),
];

/** The last layer's `out` (mu, raw sigma) to the law. */
export const LAW_NODES = [
  node('Split', ['out', 'columns'], ['mu', 'raw'], [integer('axis', 1)]),
  node('Softplus', ['raw'], ['positive']),
  node('Add', ['positive', 'sigmaMin'], ['sigma']),
  node('Concat', ['mu', 'sigma'], [WIN_OUTPUT], [integer('axis', 1)]),
];

/** Nodes and weights between the last layer, `bare`, and its output, `out`. */
export interface GraphTail {
  initializer: TensorMessage[];
  node: ReturnType<typeof node>[];
}

/**
 * The model as ONNX bytes: opset 17, normaliser inside, dynamic batch; `features` [N, 24] -> `law` [N, 2] = (mu, sigma).
 * The same weights give the same bytes.
 * @param tail for drills: what comes after the last layer (planted-graph.ts)
 */
export function encodeWinModelOnnx(model: WinModel, tail?: GraphTail): Uint8Array {
  const { inputs, hidden1, hidden2, outputs } = WIN_NET;
  const gemm = (x: string, layer: number, y: string) =>
    node('Gemm', [x, `w${layer}`, `b${layer}`], [y], [integer('transB', 1)]);
  return encodeGraph({
    name: 'win-model',
    input: [matrix(WIN_INPUT, inputs)],
    output: [matrix(WIN_OUTPUT, outputs)],
    initializer: [
      ...normaliserTensors(model),
      floats('w1', [hidden1, inputs], model.w1),
      floats('b1', [hidden1], model.b1),
      floats('w2', [hidden2, hidden1], model.w2),
      floats('b2', [hidden2], model.b2),
      floats('w3', [outputs, hidden2], model.w3),
      floats('b3', [outputs], model.b3),
      floats('sigmaMin', [1], [SIGMA_MIN]),
      longs('columns', [1, 1]),
      ...(tail?.initializer ?? []),
    ],
    node: [
      ...NORMALISER_NODES,
      gemm('x', 1, 'a1'),
      node('Relu', ['a1'], ['h1']),
      gemm('h1', 2, 'a2'),
      node('Relu', ['a2'], ['h2']),
      gemm('h2', 3, tail ? 'bare' : 'out'),
      ...(tail?.node ?? []),
      ...LAW_NODES,
    ],
  });
}

/** The normaliser's arrays as tensors of the graph. */
export const normaliserTensors = (model: WinModel) =>
  NORMALISER_NAMES.map((name) => floats(name, [WIN_NET.inputs], model[name]));

/**
 * Reads the weights back out of a graph that `encodeWinModelOnnx` wrote.
 * @throws Error when a tensor of the win model is missing or has another size
 */
export function decodeWinModelOnnx(bytes: Uint8Array): WinModel {
  const { graph } = ModelProto.decode(bytes) as unknown as { graph: { initializer: TensorMessage[] } };
  const { inputs, hidden1, hidden2, outputs } = WIN_NET;
  const read = (name: string, length: number): Float64Array => {
    const tensor = graph.initializer.find((candidate) => candidate.name === name);
    if (tensor?.rawData.length !== length * 4) throw new Error(`the graph has no tensor ${name} of ${length} floats`);
    const view = new DataView(tensor.rawData.buffer, tensor.rawData.byteOffset, tensor.rawData.byteLength);
    return Float64Array.from({ length }, (_, i) => view.getFloat32(i * 4, true));
  };
  return {
    mean: read('mean', inputs),
    scale: read('scale', inputs),
    low: read('low', inputs),
    high: read('high', inputs),
    w1: read('w1', hidden1 * inputs),
    b1: read('b1', hidden1),
    w2: read('w2', hidden2 * hidden1),
    b2: read('b2', hidden2),
    w3: read('w3', outputs * hidden2),
    b3: read('b3', outputs),
  };
}
