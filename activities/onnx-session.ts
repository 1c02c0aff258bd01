import { InferenceSession, Tensor } from 'onnxruntime-node';
import { PLAIN_ROWS, plainModelOf } from '#domain/learning';

/** An inference session over one ONNX artifact of shape [N, inputWidth] -> [N, outputWidth]. */
export interface OnnxSession {
  run(rows: Float32Array, rowCount: number): Promise<Float32Array>;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  close(): Promise<void>;
}

/**
 * Opens an artifact as the edge does, so that the same rows give the same bits: CPU, one thread, sequential.
 * @throws when the bytes are no ONNX model that this runtime can run.
 */
export async function openOnnxSession(bytes: Uint8Array): Promise<OnnxSession> {
  const session = await InferenceSession.create(bytes, {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  });
  const [inputName] = session.inputNames;
  const [outputName] = session.outputNames;
  if (inputName === undefined || outputName === undefined) throw new Error('the model has no input or no output');
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    async run(rows, rowCount) {
      const input = new Tensor('float32', rows, [rowCount, rows.length / rowCount]);
      const answer = await session.run({ [inputName]: input });
      return answer[outputName]!.data as Float32Array;
    },
    close: () => session.release(),
  };
}

/**
 * Opens an artifact with the engine that an edge takes for so many rows: plain loops for one or two where the graph is ours, else the
 * runtime.
 * @throws as `openOnnxSession` does
 */
export async function openServedModel(bytes: Uint8Array): Promise<OnnxSession> {
  const session = await openOnnxSession(bytes);
  const plain = plainModelOf(bytes);
  if (plain === null) return session;
  return {
    ...session,
    run: (rows, rowCount) =>
      rowCount <= PLAIN_ROWS ? Promise.resolve(plain.run(rows, rowCount)) : session.run(rows, rowCount),
  };
}
