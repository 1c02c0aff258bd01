import { decodeWinModelOnnx, encodeWinModelOnnx } from './onnx-graph';
import { SIGMA_MIN, softplus, WIN_NET, type WinModel } from './win-model';

/** Most rows that an edge computes here; from three on one call into the runtime costs less. */
export const PLAIN_ROWS = 2;

/**
 * A win model computed by loops: [rows, 24] to [rows, 2] = (mu, sigma). For one or two rows this takes a few microseconds, where a call into
 * the runtime takes some thirty and its promise a turn of the event loop. Sums are doubles and every layer is rounded to floats, so that
 * the same bits come out wherever it runs.
 */
export class PlainModel {
  private readonly x = new Float32Array(WIN_NET.inputs);
  private readonly h1 = new Float32Array(WIN_NET.hidden1);
  private readonly h2 = new Float32Array(WIN_NET.hidden2);
  private readonly out = new Float32Array(WIN_NET.outputs);
  private readonly w1: Float32Array;
  private readonly w2: Float32Array;
  private readonly w3: Float32Array;

  constructor(private readonly model: WinModel) {
    this.w1 = Float32Array.from(model.w1);
    this.w2 = Float32Array.from(model.w2);
    this.w3 = Float32Array.from(model.w3);
  }

  /** @param rows rowCount × 24 features */
  run(rows: Float32Array, rowCount: number): Float32Array {
    const law = new Float32Array(rowCount * WIN_NET.outputs);
    for (let row = 0; row < rowCount; row += 1) this.runRow(rows, row * WIN_NET.inputs, law, row * WIN_NET.outputs);
    return law;
  }

  private runRow(rows: Float32Array, from: number, law: Float32Array, to: number): void {
    const { mean, scale, low, high, b1, b2, b3 } = this.model;
    const { x, h1, h2, out } = this;
    for (let i = 0; i < WIN_NET.inputs; i += 1) {
      const value = (rows[from + i] - mean[i]) * scale[i];
      // Written so that NaN stays NaN, as in the graph: the finite check behind the model must see it.
      x[i] = value < low[i] ? low[i] : value > high[i] ? high[i] : value;
    }
    dense(this.w1, b1, x, h1, true);
    dense(this.w2, b2, h1, h2, true);
    dense(this.w3, b3, h2, out, false);
    law[to] = out[0];
    law[to + 1] = softplus(out[1]) + SIGMA_MIN;
  }
}

function dense(w: Float32Array, b: Float64Array, x: Float32Array, y: Float32Array, relu: boolean): void {
  const width = x.length;
  let at = 0;
  for (let o = 0; o < y.length; o += 1) {
    let sum = b[o];
    for (let i = 0; i < width; i += 1) sum += w[at++] * x[i];
    y[o] = relu && sum < 0 ? 0 : sum;
  }
}

/**
 * The plain form of an artifact, or null when its graph is another than ours: it is ours when its weights, written again, give the same
 * bytes.
 */
export function plainModelOf(bytes: Uint8Array): PlainModel | null {
  let model: WinModel;
  try {
    model = decodeWinModelOnnx(bytes);
  } catch {
    return null; // another graph, another size, or no ONNX at all
  }
  const again = encodeWinModelOnnx(model);
  return again.length === bytes.length && again.every((byte, at) => byte === bytes[at]) ? new PlainModel(model) : null;
}
