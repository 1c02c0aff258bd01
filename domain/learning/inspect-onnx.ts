import {
  countNodes,
  readForeignModel,
  type ForeignModel,
  type ForeignNode,
  type ForeignTensor,
  type ForeignValue,
} from './onnx-reader';

/** Stable codes of why a model trained elsewhere is refused before anything of it runs. */
export type OnnxFaultCode =
  | 'ONNX_UNREADABLE'
  | 'ONNX_IR_VERSION'
  | 'ONNX_OPSET'
  | 'ONNX_NODES'
  | 'ONNX_DOMAIN'
  | 'ONNX_OPERATOR'
  | 'ONNX_SUBGRAPH'
  | 'ONNX_FUNCTION'
  | 'ONNX_TRAINING'
  | 'ONNX_INPUT'
  | 'ONNX_OUTPUT'
  | 'ONNX_EXTERNAL_DATA'
  | 'ONNX_WEIGHTS';

export interface OnnxFault {
  code: OnnxFaultCode;
  /** What is wrong and what would be right. */
  detail: string;
}

/** Input and output that a model must have: float, a batch of any size, so many columns. */
export interface OnnxShape {
  input: { name: string; width: number };
  output: { name: string; width: number };
}

/** Opsets of the default domain that the edge's runtime and our tests cover. */
export const OPSETS = { least: 13, most: 21 } as const;
/** IR versions that those opsets were published with. */
export const IR_VERSIONS = { least: 7, most: 10 } as const;

/**
 * Operators that a dense price model needs. All are deterministic and bounded in time; control flow, random numbers, strings and
 * whatever reads files are not here.
 */
export const ALLOWED_OPERATORS: ReadonlySet<string> = new Set([
  ...['Gemm', 'MatMul', 'Add', 'Sub', 'Mul', 'Div', 'Neg', 'Abs', 'Sqrt', 'Exp', 'Log', 'Pow', 'Reciprocal', 'Erf'],
  ...['Max', 'Min', 'Clip', 'Sum', 'Mean', 'ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceMin'],
  ...[
    'Relu',
    'LeakyRelu',
    'PRelu',
    'Elu',
    'Selu',
    'Gelu',
    'Sigmoid',
    'HardSigmoid',
    'HardSwish',
    'Tanh',
    'Softplus',
    'Softsign',
    'Softmax',
  ],
  ...['BatchNormalization', 'LayerNormalization', 'InstanceNormalization'],
  ...[
    'Concat',
    'Split',
    'Slice',
    'Gather',
    'Reshape',
    'Flatten',
    'Squeeze',
    'Unsqueeze',
    'Transpose',
    'Expand',
    'Shape',
    'Identity',
  ],
  ...['Cast', 'Constant', 'Where', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Equal', 'Not', 'And', 'Or'],
  ...['QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear', 'MatMulInteger', 'QLinearMatMul'],
]);

/**
 * Nodes that a graph may have. Opening one takes the runtime some 40 µs, and each lengthens every decision by 0.3 to 1 µs: 4,096 are
 * 0.2 s and, for a single row, 1 to 4 ms, longer than an edge has for a model. A dense price model has tens, those of the drills that
 * are meant to be slow (`ballast`) hundreds.
 */
export const MAX_NODES = 4096;

const FLOAT = 1;
const EXTERNAL = 1;

/** Every fault of a model's bytes, none when it may be opened; of one with too many nodes that alone. Nothing is run. */
export function inspectOnnx(bytes: Uint8Array, shape: OnnxShape): OnnxFault[] {
  if ((countNodes(bytes, MAX_NODES) ?? 0) > MAX_NODES) {
    const detail = `the graph has more than ${MAX_NODES} nodes, too many for an edge's time: export a smaller or fused model`;
    return [{ code: 'ONNX_NODES', detail }];
  }
  const model = readForeignModel(bytes);
  if (!model?.graph || (model.graph.node ?? []).length === 0)
    return [{ code: 'ONNX_UNREADABLE', detail: 'the file is no ONNX model with a graph: export one from the trainer' }];
  const nodes = model.graph.node ?? [];
  return [
    ...versionFaults(model),
    ...nodeFaults(nodes),
    ...extraFaults(model),
    ...tensorFaults(model.graph.initializer ?? [], nodes),
    ...valueFaults('ONNX_INPUT', inputsOf(model), shape.input),
    ...valueFaults('ONNX_OUTPUT', model.graph.output ?? [], shape.output),
  ];
}

function versionFaults({ irVersion = '0', opsetImport = [] }: ForeignModel): OnnxFault[] {
  const faults: OnnxFault[] = [];
  if (!within(irVersion, IR_VERSIONS)) {
    const detail = `IR version ${irVersion}; ${IR_VERSIONS.least} to ${IR_VERSIONS.most} are read`;
    faults.push({ code: 'ONNX_IR_VERSION', detail });
  }
  const own = opsetImport.filter(({ domain = '' }) => isDefault(domain));
  if (own.length !== 1 || !within(own[0]?.version ?? '0', OPSETS)) {
    const found = own.map(({ version = '0' }) => version).join(', ') || 'none';
    faults.push({ code: 'ONNX_OPSET', detail: `opset ${found}; export with one of ${OPSETS.least} to ${OPSETS.most}` });
  }
  return faults;
}

const within = (value: string, { least, most }: { least: number; most: number }): boolean =>
  Number(value) >= least && Number(value) <= most;
const isDefault = (domain: string): boolean => domain === '' || domain === 'ai.onnx';

function nodeFaults(nodes: readonly ForeignNode[]): OnnxFault[] {
  const named = (found: Iterable<string>) => [...new Set(found)].sort().join(', ');
  const foreign = nodes.filter(({ domain = '' }) => !isDefault(domain));
  const unknown = nodes.filter(({ domain = '', opType = '' }) => isDefault(domain) && !ALLOWED_OPERATORS.has(opType));
  const nested = nodes.filter(({ attribute = [] }) => attribute.some(({ g, graphs = [] }) => g || graphs.length > 0));
  const faults: OnnxFault[] = [];
  if (foreign.length > 0) {
    const found = named(foreign.map(({ domain = '', opType = '' }) => `${domain}.${opType}`));
    faults.push({
      code: 'ONNX_DOMAIN',
      detail: `operators of other domains: ${found}; only the default domain is taken`,
    });
  }
  if (unknown.length > 0) {
    const found = named(unknown.map(({ opType = '' }) => opType || '(unnamed)'));
    faults.push({ code: 'ONNX_OPERATOR', detail: `operators that are not allowed: ${found}` });
  }
  if (nested.length > 0) {
    const found = named(nested.map(({ opType = '' }) => opType));
    faults.push({ code: 'ONNX_SUBGRAPH', detail: `${found} hold graphs of their own: control flow is not taken` });
  }
  return faults;
}

function extraFaults({ functions = [], trainingInfo = [], graph }: ForeignModel): OnnxFault[] {
  const faults: OnnxFault[] = [];
  if (functions.length > 0)
    faults.push({ code: 'ONNX_FUNCTION', detail: 'the model defines functions: export it with them inlined' });
  if (trainingInfo.length > 0)
    faults.push({ code: 'ONNX_TRAINING', detail: 'the model holds training graphs: export it for inference' });
  if ((graph?.sparseInitializer ?? []).length > 0)
    faults.push({ code: 'ONNX_WEIGHTS', detail: 'sparse weights are not taken: export them dense' });
  return faults;
}

function tensorFaults(initializers: readonly ForeignTensor[], nodes: readonly ForeignNode[]): OnnxFault[] {
  const attributes = nodes.flatMap(({ attribute = [] }) => attribute);
  const constants = attributes.flatMap(({ t, tensors = [] }) => (t ? [t, ...tensors] : tensors));
  const tensors = [...initializers, ...constants];
  const nameOf = ({ name }: ForeignTensor) => name ?? '(unnamed)';
  const outside = tensors.filter(
    ({ dataLocation, externalData = [] }) => dataLocation === EXTERNAL || externalData.length > 0,
  );
  if (outside.length > 0) {
    const detail = `tensor ${outside.map(nameOf).join(', ')} lies in another file: export with the weights inside`;
    return [{ code: 'ONNX_EXTERNAL_DATA', detail }];
  }
  return tensors.flatMap((tensor): OnnxFault[] => {
    const fault = weightFault(tensor);
    return fault === null ? [] : [{ code: 'ONNX_WEIGHTS', detail: `tensor ${nameOf(tensor)} ${fault}` }];
  });
}

/** Only floats can be no number; their bytes must be as many as the shape says. */
function weightFault({ dims = [], dataType, rawData, floatData = [] }: ForeignTensor): string | null {
  if (dataType !== FLOAT) return null;
  const count = dims.reduce((product, dim) => product * Number(dim), 1);
  const isRaw = rawData !== undefined && rawData.length > 0;
  const held = isRaw ? rawData.length / 4 : floatData.length;
  if (held !== count) return `holds ${held} floats, its shape says ${count}`;
  const view = isRaw ? new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength) : null;
  for (let i = 0; i < count; i++) {
    const value = view ? view.getFloat32(i * 4, true) : (floatData[i] ?? NaN);
    if (!Number.isFinite(value)) return `holds ${value} at place ${i}`;
  }
  return null;
}

/** Older graphs list their weights among the inputs. */
function inputsOf({ graph }: ForeignModel): ForeignValue[] {
  const weights = new Set((graph?.initializer ?? []).map(({ name }) => name));
  return (graph?.input ?? []).filter(({ name }) => !weights.has(name));
}

function valueFaults(
  code: 'ONNX_INPUT' | 'ONNX_OUTPUT',
  values: readonly ForeignValue[],
  { name, width }: { name: string; width: number },
): OnnxFault[] {
  const wanted = `one float tensor ${name} [N, ${width}] is needed`;
  const [value] = values;
  if (values.length !== 1 || value?.name !== name) {
    const found = values.map((other) => other.name ?? '(unnamed)').join(', ') || 'none';
    return [{ code, detail: `found ${found}; ${wanted}` }];
  }
  const { elemType, shape } = value.type?.tensorType ?? {};
  const dims = shape?.dim ?? [];
  const shown = `[${dims.map(({ dimValue, dimParam }) => dimValue ?? dimParam ?? '?').join(', ')}]`;
  if (elemType !== FLOAT) return [{ code, detail: `${name} has element type ${elemType ?? 0}; ${wanted}` }];
  const [batch, columns] = dims;
  if (dims.length !== 2 || Number(columns?.dimValue) !== width)
    return [{ code, detail: `${name} is ${shown}; ${wanted}` }];
  // A batch of fixed size would refuse requests with another number of candidates.
  if (batch?.dimValue !== undefined) return [{ code, detail: `${name} is ${shown}, its batch is fixed; ${wanted}` }];
  return [];
}
