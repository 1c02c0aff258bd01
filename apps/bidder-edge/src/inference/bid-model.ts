import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { ArtifactRef, InferenceEngine } from '#domain/contracts';
import { FEATURE_NAMES, FEATURE_SPEC_HASH } from '#domain/features';
import { PLAIN_ROWS, plainModelOf, type PlainModel } from '#domain/learning';

/** A model ready to serve: (rows × 24 features) -> (rows × 2: mu, sigma). */
export interface BidModel {
  readonly sha256: string;
  /** What computes so many rows; every record names it. */
  engineFor(rowCount: number): InferenceEngine;
  /** Answers at once where plain loops compute it. */
  run(rows: Float32Array, rowCount: number): Float32Array | Promise<Float32Array>;
  close(): Promise<void>;
}

/** Why a model may not serve. */
export class ModelFault extends Error {
  constructor(
    readonly code: 'ARTIFACT_INVALID' | 'FEATURE_SPEC' | 'PARITY',
    detail: string,
  ) {
    super(detail);
  }
}

/** The same build, thread count and options wherever a decision may be executed again. */
const SESSION_OPTIONS: InferenceSession.SessionOptions = {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3,
};
const WARM_RUNS = 5;
const OUTPUT_WIDTH = 2;

/**
 * Opens an artifact, warms it and compares it with its golden vectors.
 * @throws ModelFault when it is no model of our shape or answers differently from what was registered
 */
export async function openBidModel(bytes: Uint8Array, ref: ArtifactRef): Promise<BidModel> {
  if (ref.featureSpecHash !== FEATURE_SPEC_HASH)
    throw new ModelFault('FEATURE_SPEC', `features ${ref.featureSpecHash}, this edge has ${FEATURE_SPEC_HASH}`);
  if (ref.inputWidth !== FEATURE_NAMES.length || ref.outputWidth !== OUTPUT_WIDTH)
    throw new ModelFault('ARTIFACT_INVALID', `shape ${ref.inputWidth} -> ${ref.outputWidth}`);
  const session = await InferenceSession.create(bytes, SESSION_OPTIONS).catch((error: Error) => {
    throw new ModelFault('ARTIFACT_INVALID', error.message);
  });
  const model = new OnnxBidModel(session, plainModelOf(bytes), ref);
  try {
    for (let i = 0; i < WARM_RUNS; i++) await checkParity(model, ref);
  } catch (error) {
    await model.close();
    throw error instanceof ModelFault ? error : new ModelFault('ARTIFACT_INVALID', (error as Error).message);
  }
  return model;
}

class OnnxBidModel implements BidModel {
  readonly sha256: string;
  private readonly width: number;
  private readonly inputName: string;
  private readonly outputName: string;

  constructor(
    private readonly session: InferenceSession,
    /** Null when the graph is another than our own. */
    private readonly plain: PlainModel | null,
    ref: ArtifactRef,
  ) {
    this.sha256 = ref.sha256;
    this.width = ref.inputWidth;
    this.inputName = ref.inputName;
    this.outputName = ref.outputName;
  }

  engineFor(rowCount: number): InferenceEngine {
    return this.plainFor(rowCount) === null ? 'onnx' : 'plain';
  }

  run(rows: Float32Array, rowCount: number): Float32Array | Promise<Float32Array> {
    return this.plainFor(rowCount)?.run(rows, rowCount) ?? this.runOnnx(rows, rowCount);
  }

  private plainFor(rowCount: number): PlainModel | null {
    return rowCount <= PLAIN_ROWS ? this.plain : null;
  }

  private async runOnnx(rows: Float32Array, rowCount: number): Promise<Float32Array> {
    const input = new Tensor('float32', rows, [rowCount, this.width]);
    const output = (await this.session.run({ [this.inputName]: input }))[this.outputName];
    return output.data as Float32Array;
  }

  close(): Promise<void> {
    return this.session.release();
  }
}

/** Golden vectors through both engines: all at once through the runtime, one by one through plain loops where there are any. */
async function checkParity(model: BidModel, ref: ArtifactRef): Promise<void> {
  const { parity, inputWidth } = ref;
  const rows = new Float32Array(parity.length * inputWidth);
  for (const [i, { input }] of parity.entries()) rows.set(input, i * inputWidth);
  compare(await model.run(rows, parity.length), 0, ref);
  for (const i of parity.keys()) {
    const row = rows.slice(i * inputWidth, (i + 1) * inputWidth);
    if (model.engineFor(1) === 'plain') compare(await model.run(row, 1), i, { ...ref, parity: [parity[i]] });
  }
}

function compare(law: Float32Array, first: number, { parity, outputWidth, tolerance }: ArtifactRef): void {
  if (law.length !== parity.length * outputWidth) throw new ModelFault('ARTIFACT_INVALID', `${law.length} outputs`);
  for (const [i, { output }] of parity.entries()) {
    for (const [j, expected] of output.entries()) {
      const got = law[i * outputWidth + j];
      // NaN fails the comparison as well.
      if (!(Math.abs(got - expected) <= tolerance))
        throw new ModelFault('PARITY', `golden vector ${first + i}, output ${j}: ${got} instead of ${expected}`);
    }
  }
}
