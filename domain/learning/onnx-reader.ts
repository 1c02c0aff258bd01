import protobuf from 'protobufjs';

/**
 * What a model of somebody else may say, as far as an intake must read it. Field numbers: onnx.proto of github.com/onnx/onnx.
 * `onnx-proto.ts` beside this writes our own graphs and knows only what those need.
 */
const root = protobuf.parse(`
  syntax = "proto3"; package onnx;
  message Entry { string key = 1; string value = 2; }
  message TensorProto { repeated int64 dims = 1; int32 data_type = 2; repeated float float_data = 4; string name = 8; bytes raw_data = 9;
    repeated Entry external_data = 13; int32 data_location = 14; }
  message SparseTensorProto { TensorProto values = 1; TensorProto indices = 2; }
  message AttributeProto { string name = 1; TensorProto t = 5; bytes g = 6; repeated TensorProto tensors = 10; repeated bytes graphs = 11;
    SparseTensorProto sparse_tensor = 22; }
  message NodeProto { repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4;
    repeated AttributeProto attribute = 5; string domain = 7; }
  message Dimension { oneof value { int64 dim_value = 1; string dim_param = 2; } }
  message TensorShapeProto { repeated Dimension dim = 1; }
  message TensorTypeProto { int32 elem_type = 1; TensorShapeProto shape = 2; }
  message TypeProto { TensorTypeProto tensor_type = 1; }
  message ValueInfoProto { string name = 1; TypeProto type = 2; }
  message GraphProto { repeated NodeProto node = 1; string name = 2; repeated TensorProto initializer = 5;
    repeated ValueInfoProto input = 11; repeated ValueInfoProto output = 12; repeated SparseTensorProto sparse_initializer = 15; }
  message OperatorSetIdProto { string domain = 1; int64 version = 2; }
  message Opaque { }
  message ModelProto { int64 ir_version = 1; GraphProto graph = 7; repeated OperatorSetIdProto opset_import = 8;
    repeated Opaque training_info = 20; repeated Opaque functions = 25; }
`).root;
const ModelProto = root.lookupType('onnx.ModelProto');

/** Members may be absent in every message: proto3 leaves defaults out. */
export interface ForeignTensor {
  dims?: string[];
  dataType?: number;
  floatData?: number[];
  name?: string;
  rawData?: Uint8Array;
  externalData?: unknown[];
  dataLocation?: number;
}

export interface ForeignNode {
  name?: string;
  opType?: string;
  domain?: string;
  attribute?: {
    name?: string;
    t?: ForeignTensor;
    g?: unknown;
    tensors?: ForeignTensor[];
    graphs?: unknown[];
    sparseTensor?: unknown;
  }[];
}

export interface ForeignValue {
  name?: string;
  type?: { tensorType?: { elemType?: number; shape?: { dim?: { dimValue?: string; dimParam?: string }[] } } };
}

export interface ForeignModel {
  irVersion?: string;
  opsetImport?: { domain?: string; version?: string }[];
  trainingInfo?: unknown[];
  functions?: unknown[];
  graph?: {
    node?: ForeignNode[];
    initializer?: ForeignTensor[];
    sparseInitializer?: unknown[];
    input?: ForeignValue[];
    output?: ForeignValue[];
  };
}

/** Reads bytes as an ONNX model; null when they are none. Whole numbers of 64 bits come as text. */
export function readForeignModel(bytes: Uint8Array): ForeignModel | null {
  try {
    return ModelProto.toObject(ModelProto.decode(bytes), { longs: String }) as ForeignModel;
  } catch {
    return null;
  }
}

const GRAPH_FIELD = 7;
const NODE_FIELD = 1;

/**
 * Nodes of a model's graph, counted without reading them: the smallest take two bytes, and millions of them seconds and half a
 * gigabyte to read. Counts no further than `limit` + 1; null when the bytes are no model.
 */
export function countNodes(bytes: Uint8Array, limit: number): number | null {
  let count = 0;
  try {
    for (const graph of messagesIn(bytes, GRAPH_FIELD))
      for (const _node of messagesIn(graph, NODE_FIELD)) if ((count += 1) > limit) return count;
    return count;
  } catch {
    return null;
  }
}

/** The messages that `bytes` hold under a field number, unread. @throws RangeError where they end too early. */
function* messagesIn(bytes: Uint8Array, field: number): Generator<Uint8Array> {
  const LENGTH_DELIMITED = 2;
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === ((field << 3) | LENGTH_DELIMITED)) yield reader.bytes();
    else reader.skipType(tag & 7);
  }
}
