import fc from 'fast-check';
import { encodeGraph, floats, integer, matrix, ModelProto, node } from './onnx-proto';
import { encodeWinModelOnnx, WIN_INPUT, WIN_OUTPUT } from './onnx-graph';
import { inspectOnnx, MAX_NODES } from './inspect-onnx';
import { countNodes } from './onnx-reader';
import { ballast } from './planted-graph';
import { WIN_NET, type WinModel } from './win-model';

const SHAPE = { input: { name: WIN_INPUT, width: 24 }, output: { name: WIN_OUTPUT, width: 2 } };
const codes = (bytes: Uint8Array) => inspectOnnx(bytes, SHAPE).map(({ code }) => code);

const weights = (length: number) => new Float64Array(length).fill(0.1);
const { inputs, hidden1, hidden2, outputs } = WIN_NET;
const ours: WinModel = {
  ...{ mean: weights(inputs), scale: weights(inputs), low: weights(inputs), high: weights(inputs) },
  ...{ w1: weights(hidden1 * inputs), b1: weights(hidden1), w2: weights(hidden2 * hidden1), b2: weights(hidden2) },
  ...{ w3: weights(outputs * hidden2), b3: weights(outputs) },
};

/** A linear model of the right shape with some parts replaced. */
const linear = (changes: object = {}) =>
  encodeGraph({
    name: 'linear',
    input: [matrix(WIN_INPUT, 24)],
    output: [matrix(WIN_OUTPUT, 2)],
    initializer: [floats('w', [2, 24], new Float32Array(48)), floats('b', [2], [0, 1])],
    node: [node('Gemm', [WIN_INPUT, 'w', 'b'], [WIN_OUTPUT], [integer('transB', 1)])],
    ...changes,
  });

/** The same bytes with another model around the graph. */
const around = (changes: object): Uint8Array => {
  const model = ModelProto.toObject(ModelProto.decode(linear()));
  return ModelProto.encode(ModelProto.fromObject({ ...model, ...changes })).finish();
};
/** Appends a field of wire type 2 to the model, as a writer with more messages would. */
const withField = (number: number, payload: number[]): Uint8Array =>
  Uint8Array.from([...linear(), ...varint((number << 3) | 2), ...varint(payload.length), ...payload]);
const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)]);

describe('inspection of a model trained elsewhere', () => {
  it('finds nothing wrong with our own models and with a linear one', () => {
    expect(codes(encodeWinModelOnnx(ours))).toEqual([]);
    expect(codes(linear())).toEqual([]);
  });

  it.each<[string, Uint8Array, string]>([
    [
      'an operator that is not allowed',
      linear({ node: [node('RandomNormalLike', [WIN_INPUT], [WIN_OUTPUT])] }),
      'ONNX_OPERATOR',
    ],
    ['control flow', linear({ node: [node('Loop', [WIN_INPUT], [WIN_OUTPUT])] }), 'ONNX_OPERATOR'],
    ['another input', linear({ input: [matrix('x', 24)] }), 'ONNX_INPUT'],
    ['another width', linear({ input: [matrix(WIN_INPUT, 23)] }), 'ONNX_INPUT'],
    ['two inputs', linear({ input: [matrix(WIN_INPUT, 24), matrix('y', 1)] }), 'ONNX_INPUT'],
    ['another output', linear({ output: [matrix(WIN_OUTPUT, 3)] }), 'ONNX_OUTPUT'],
    ['no output', linear({ output: [] }), 'ONNX_OUTPUT'],
    [
      'a weight that is no number',
      linear({ initializer: [floats('w', [2, 24], new Float32Array(48).fill(NaN)), floats('b', [2], [0, 1])] }),
      'ONNX_WEIGHTS',
    ],
    [
      'weights shorter than their shape',
      linear({ initializer: [floats('w', [2, 24], new Float32Array(47)), floats('b', [2], [0, 1])] }),
      'ONNX_WEIGHTS',
    ],
    ['an old opset', around({ opsetImport: [{ domain: '', version: 9 }] }), 'ONNX_OPSET'],
    ['no opset', around({ opsetImport: [] }), 'ONNX_OPSET'],
    ['a future file format', around({ irVersion: 99 }), 'ONNX_IR_VERSION'],
    ['training graphs', withField(20, []), 'ONNX_TRAINING'],
    ['functions', withField(25, []), 'ONNX_FUNCTION'],
  ])('refuses %s', (_what, bytes, code) => {
    expect(codes(bytes)).toEqual([code]);
  });

  /** The linear model with one field more in its graph. */
  const inGraph = (tag: number, payload: number[]): Uint8Array => {
    const graph = [
      ...ModelProto.lookupType('GraphProto')
        .encode(ModelProto.decode(linear()).toJSON().graph as object)
        .finish(),
    ];
    const changed = [...graph, tag, payload.length, ...payload];
    return Uint8Array.from([0x08, 8, 0x3a, ...varint(changed.length), ...changed, 0x42, 2, 0x10, 17]);
  };

  it('refuses weights in another file, and says which', () => {
    const name = [...Buffer.from('big')];
    // TensorProto: dims 2 (field 1), FLOAT (2), name (8), data_location EXTERNAL (14).
    const tensor = [0x08, 2, 0x10, 1, 0x42, name.length, ...name, 0x70, 1];
    expect(inspectOnnx(inGraph(0x2a, tensor), SHAPE)).toEqual([
      { code: 'ONNX_EXTERNAL_DATA', detail: 'tensor big lies in another file: export with the weights inside' },
    ]);
  });

  it('refuses graphs inside an operator, one or a list', () => {
    const type = [...Buffer.from('Neg')];
    // NodeProto: op_type (4), attribute (5) with a graph (6) or graphs (11), whose bytes are not read.
    for (const tag of [0x32, 0x5a]) {
      const operator = [0x22, type.length, ...type, 0x2a, 4, tag, 2, 0xff, 0xff];
      expect(inspectOnnx(inGraph(0x0a, operator), SHAPE)).toEqual([
        { code: 'ONNX_SUBGRAPH', detail: 'Neg hold graphs of their own: control flow is not taken' },
      ]);
    }
  });

  it('refuses a batch of fixed size and lists every fault at once', () => {
    const fixed = {
      name: WIN_INPUT,
      type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 1 }, { dimValue: 24 }] } } },
    };
    const [fault] = inspectOnnx(linear({ input: [fixed] }), SHAPE);
    expect(fault).toMatchObject({ code: 'ONNX_INPUT', detail: expect.stringContaining('its batch is fixed') });
    expect(codes(linear({ input: [], output: [], node: [node('If', [], [WIN_OUTPUT])] }))).toEqual([
      'ONNX_OPERATOR',
      'ONNX_INPUT',
      'ONNX_OUTPUT',
    ]);
  });

  const chain = (nodes: number) =>
    linear({
      node: [
        ...Array.from({ length: nodes - 1 }, (_, n) =>
          node('Softplus', [n === 0 ? WIN_INPUT : `z${n}`], [`z${n + 1}`]),
        ),
        node('Gemm', [`z${nodes - 1}`, 'w', 'b'], [WIN_OUTPUT], [integer('transB', 1)]),
      ],
    });

  it('takes as many nodes as the limit, and the ballast of the drills, but not one more', () => {
    expect(codes(chain(MAX_NODES))).toEqual([]);
    expect(codes(encodeWinModelOnnx(ours, ballast(900, { feature: 21, threshold: 1, width: 0.2 })))).toEqual([]);
    expect(inspectOnnx(chain(MAX_NODES + 1), SHAPE)).toEqual([
      {
        code: 'ONNX_NODES',
        detail: expect.stringMatching(/^the graph has more than 4096 nodes.*export a smaller/) as string,
      },
    ]);
  });

  it('counts the nodes of a graph that is written in pieces, and stops at the limit', () => {
    const piece = (nodes: number): number[] => {
      const bytes = Array.from({ length: nodes }, () => [0x0a, 0]).flat();
      return [0x3a, ...varint(bytes.length), ...bytes];
    };
    expect(codes(Uint8Array.from([...piece(MAX_NODES), ...piece(1)]))).toEqual(['ONNX_NODES']);
    expect(countNodes(Uint8Array.from([...piece(2), ...piece(3)]), 10)).toBe(5);
    expect(countNodes(Uint8Array.from(piece(1000)), 10)).toBe(11);
    expect(countNodes(Uint8Array.from([0x3a, 9, 0x0a]), 10)).toBeNull();
  });

  it('never throws, whatever the bytes are', () => {
    expect(codes(new Uint8Array())).toEqual(['ONNX_UNREADABLE']);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => Array.isArray(inspectOnnx(bytes, SHAPE))));
    const good = encodeWinModelOnnx(ours);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
        const broken = Uint8Array.from(good);
        broken[at] = value;
        expect(Array.isArray(inspectOnnx(broken, SHAPE))).toBe(true);
      }),
    );
  });
});
