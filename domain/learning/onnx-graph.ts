import protobuf from 'protobufjs';
import { SIGMA_MIN, WIN_NET, type WinModel } from './win-model';

/** The few messages of onnx.proto (IR version 8) that a dense graph needs. Field numbers: github.com/onnx/onnx. */
const root = protobuf.parse(`
  syntax = "proto3"; package onnx;
  message AttributeProto { string name = 1; int64 i = 3; int32 type = 20; }
  message NodeProto { repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4;
    repeated AttributeProto attribute = 5; }
  message TensorProto { repeated int64 dims = 1; int32 data_type = 2; string name = 8; bytes raw_data = 9; }
  message Dimension { oneof value { int64 dim_value = 1; string dim_param = 2; } }
  message TensorShapeProto { repeated Dimension dim = 1; }
  message TensorTypeProto { int32 elem_type = 1; TensorShapeProto shape = 2; }
  message TypeProto { TensorTypeProto tensor_type = 1; }
  message ValueInfoProto { string name = 1; TypeProto type = 2; }
  message GraphProto { repeated NodeProto node = 1; string name = 2; repeated TensorProto initializer = 5;
    repeated ValueInfoProto input = 11; repeated ValueInfoProto output = 12; }
  message OperatorSetIdProto { string domain = 1; int64 version = 2; }
  message ModelProto { int64 ir_version = 1; repeated OperatorSetIdProto opset_import = 8; string producer_name = 2;
    GraphProto graph = 7; }
`).root;
const ModelProto = root.lookupType('onnx.ModelProto');

const FLOAT = 1;
const INT64 = 7;
const ATTRIBUTE_INT = 2;
const IR_VERSION = 8;
const OPSET = 17;
export const WIN_INPUT = 'features';
export const WIN_OUTPUT = 'law';

interface TensorMessage {
  dims: (number | { toNumber(): number })[];
  dataType: number;
  name: string;
  rawData: Uint8Array;
}

function floats(name: string, dims: number[], values: ArrayLike<number>): TensorMessage {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  for (let i = 0; i < values.length; i++) view.setFloat32(i * 4, values[i], true);
  return { name, dims, dataType: FLOAT, rawData: new Uint8Array(view.buffer) };
}

function longs(name: string, values: number[]): TensorMessage {
  const view = new DataView(new ArrayBuffer(values.length * 8));
  values.forEach((value, i) => view.setBigInt64(i * 8, BigInt(value), true));
  return { name, dims: [values.length], dataType: INT64, rawData: new Uint8Array(view.buffer) };
}

const integer = (name: string, i: number) => ({ name, i, type: ATTRIBUTE_INT });
const node = (opType: string, input: string[], output: string[], attribute: object[] = []) => ({
  opType,
  input,
  output,
  attribute,
  name: output[0],
});
const matrix = (name: string, width: number) => ({
  name,
  type: { tensorType: { elemType: FLOAT, shape: { dim: [{ dimParam: 'N' }, { dimValue: width }] } } },
});

/**
 * The model as ONNX bytes: opset 17, normaliser inside, dynamic batch; `features` [N, 24] -> `law` [N, 2] = (mu, sigma).
 * The same weights give the same bytes.
 */
export function encodeWinModelOnnx(model: WinModel): Uint8Array {
  const { inputs, hidden1, hidden2, outputs } = WIN_NET;
  const gemm = (x: string, layer: number, y: string) =>
    node('Gemm', [x, `w${layer}`, `b${layer}`], [y], [integer('transB', 1)]);
  const message = {
    irVersion: IR_VERSION,
    producerName: 'adloop',
    opsetImport: [{ domain: '', version: OPSET }],
    graph: {
      name: 'win-model',
      input: [matrix(WIN_INPUT, inputs)],
      output: [matrix(WIN_OUTPUT, outputs)],
      initializer: [
        floats('mean', [inputs], model.mean),
        floats('scale', [inputs], model.scale),
        floats('low', [inputs], model.low),
        floats('high', [inputs], model.high),
        floats('w1', [hidden1, inputs], model.w1),
        floats('b1', [hidden1], model.b1),
        floats('w2', [hidden2, hidden1], model.w2),
        floats('b2', [hidden2], model.b2),
        floats('w3', [outputs, hidden2], model.w3),
        floats('b3', [outputs], model.b3),
        floats('sigmaMin', [1], [SIGMA_MIN]),
        longs('columns', [1, 1]),
      ],
      node: [
        node('Sub', [WIN_INPUT, 'mean'], ['centred']),
        node('Mul', ['centred', 'scale'], ['scaled']),
        node('Max', ['scaled', 'low'], ['bounded']),
        node('Min', ['bounded', 'high'], ['x']),
        gemm('x', 1, 'a1'),
        node('Relu', ['a1'], ['h1']),
        gemm('h1', 2, 'a2'),
        node('Relu', ['a2'], ['h2']),
        gemm('h2', 3, 'out'),
        node('Split', ['out', 'columns'], ['mu', 'raw'], [integer('axis', 1)]),
        node('Softplus', ['raw'], ['positive']),
        node('Add', ['positive', 'sigmaMin'], ['sigma']),
        node('Concat', ['mu', 'sigma'], [WIN_OUTPUT], [integer('axis', 1)]),
      ],
    },
  };
  return ModelProto.encode(ModelProto.fromObject(message)).finish();
}

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
