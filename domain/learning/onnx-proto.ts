import protobuf from 'protobufjs';

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
export const ModelProto = root.lookupType('onnx.ModelProto');

const FLOAT = 1;
const UINT8 = 2;
const INT8 = 3;
const INT64 = 7;
const ATTRIBUTE_INT = 2;
const IR_VERSION = 8;
const OPSET = 17;

export interface TensorMessage {
  dims: (number | { toNumber(): number })[];
  dataType: number;
  name: string;
  rawData: Uint8Array;
}

/** A float tensor. */
export function floats(name: string, dims: number[], values: ArrayLike<number>): TensorMessage {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  for (let i = 0; i < values.length; i++) view.setFloat32(i * 4, values[i], true);
  return { name, dims, dataType: FLOAT, rawData: new Uint8Array(view.buffer) };
}

/** A vector of 64-bit integers. */
export function longs(name: string, values: number[]): TensorMessage {
  const view = new DataView(new ArrayBuffer(values.length * 8));
  values.forEach((value, i) => view.setBigInt64(i * 8, BigInt(value), true));
  return { name, dims: [values.length], dataType: INT64, rawData: new Uint8Array(view.buffer) };
}

/** A tensor of signed bytes; without dimensions a scalar. */
export function bytes(name: string, dims: number[], values: Int8Array): TensorMessage {
  return { name, dims, dataType: INT8, rawData: new Uint8Array(values) };
}

/** A scalar byte without sign. */
export function unsigned(name: string, value: number): TensorMessage {
  return { name, dims: [], dataType: UINT8, rawData: Uint8Array.of(value) };
}

export const integer = (name: string, i: number) => ({ name, i, type: ATTRIBUTE_INT });
export const node = (opType: string, input: string[], output: string[], attribute: object[] = []) => ({
  opType,
  input,
  output,
  attribute,
  name: output[0],
});
export const matrix = (name: string, width: number) => ({
  name,
  type: { tensorType: { elemType: FLOAT, shape: { dim: [{ dimParam: 'N' }, { dimValue: width }] } } },
});

/** A whole model as bytes: opset 17, one graph. */
export function encodeGraph(graph: object): Uint8Array {
  const message = {
    irVersion: IR_VERSION,
    producerName: 'adloop',
    opsetImport: [{ domain: '', version: OPSET }],
    graph,
  };
  return ModelProto.encode(ModelProto.fromObject(message)).finish();
}
