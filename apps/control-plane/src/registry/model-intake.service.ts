import { Injectable } from '@nestjs/common';
import { FEATURE_COUNT } from '#domain/features';
import { inspectOnnx, WIN_INPUT, WIN_OUTPUT } from '#domain/learning';
import { openOnnxSession, type OnnxSession } from '../../../../activities/onnx-session';
import { ProblemError, type ProblemFault } from '../problems/problem-error';

/** Largest model that may be registered, bytes; the edges hold several at once. */
export const MAX_ONNX_BYTES = 4 << 20;
/** Columns of the output: mu and sigma of the price law. */
export const LAW_WIDTH = 2;
/** How far a model may be from the vectors that came with it; the same as the edge allows when it loads the model. */
const PARITY_TOLERANCE = 1e-4;

/** One row and what the trainer's own runtime made of it. */
export interface ParityVector {
  input: number[];
  output: number[];
}

/** The door for models trained elsewhere: what is refused here never reaches a gate. */
@Injectable()
export class ModelIntake {
  /**
   * Checks bytes without running them, then opens them and compares with the vectors that came along.
   * @throws ProblemError `invalid-model`; each fault has a stable code and says what would be right.
   */
  async admit(bytes: Uint8Array, parity: readonly ParityVector[] | null): Promise<void> {
    if (bytes.byteLength === 0 || bytes.byteLength > MAX_ONNX_BYTES) {
      const detail = `the file holds ${bytes.byteLength} bytes; 1 to ${MAX_ONNX_BYTES} are taken`;
      refuse([{ pointer: '/onnxBase64', code: 'ONNX_SIZE', detail }]);
    }
    const shape = {
      input: { name: WIN_INPUT, width: FEATURE_COUNT },
      output: { name: WIN_OUTPUT, width: LAW_WIDTH },
    };
    const faults = inspectOnnx(bytes, shape).map((fault) => ({ pointer: '/onnxBase64', ...fault }));
    if (faults.length > 0) refuse(faults);
    const session = await openOnnxSession(bytes).catch((error: unknown) =>
      refuse([
        { pointer: '/onnxBase64', code: 'ONNX_NOT_RUNNABLE', detail: `the runtime refuses it: ${textOf(error)}` },
      ]),
    );
    try {
      const found = parity === null ? await tryZeros(session) : await compare(session, parity);
      if (found.length > 0) refuse(found);
    } finally {
      await session.close();
    }
  }
}

function refuse(faults: ProblemFault[]): never {
  throw new ProblemError('invalid-model', `${faults.length} fault(s). First: ${faults[0].detail}`, faults);
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 300);

/** Without vectors: two rows of zeros must give two finite rows. */
async function tryZeros(session: OnnxSession): Promise<ProblemFault[]> {
  const rows = 2;
  const output = await run(session, new Float32Array(rows * FEATURE_COUNT), rows);
  if (typeof output === 'string') return [{ pointer: '/onnxBase64', code: 'ONNX_NOT_RUNNABLE', detail: output }];
  if (output.length === rows * LAW_WIDTH && output.every(Number.isFinite)) return [];
  const detail = `a row of zeros gives ${[...output].slice(0, LAW_WIDTH).join(', ')}: ${LAW_WIDTH} finite numbers are needed`;
  return [{ pointer: '/onnxBase64', code: 'ONNX_OUTPUT_VALUES', detail }];
}

/** Each vector alone, as the edge runs them when it loads the model. */
async function compare(session: OnnxSession, parity: readonly ParityVector[]): Promise<ProblemFault[]> {
  const faults: ProblemFault[] = [];
  for (const [at, { input, output }] of parity.entries()) {
    const pointer = `/parity/${at}/output`;
    const found = await run(session, Float32Array.from(input), 1);
    if (typeof found === 'string') return [{ pointer, code: 'ONNX_NOT_RUNNABLE', detail: found }];
    const off = Math.max(...output.map((expected, column) => Math.abs((found[column] ?? NaN) - expected)));
    if (!(off <= PARITY_TOLERANCE)) {
      const detail = `the runtime gives ${[...found].join(', ')} where ${output.join(', ')} is stated: off by ${off}, ${PARITY_TOLERANCE} allowed`;
      faults.push({ pointer, code: 'PARITY_MISMATCH', detail });
    }
  }
  return faults;
}

/** The outputs, or why the model could not be run on these rows. */
async function run(session: OnnxSession, rows: Float32Array, rowCount: number): Promise<Float32Array | string> {
  try {
    return await session.run(rows, rowCount);
  } catch (error) {
    return `the runtime cannot run it: ${textOf(error)}`;
  }
}
