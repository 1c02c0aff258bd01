import * as ort from 'onnxruntime-node';
import { seededNormal, seededRandom } from '../evaluation/seeded-random';
import { encodeWinModelOnnx } from './onnx-graph';
import { paritySamples } from './parity-samples';
import { activationRanges, encodeWinModelInt8, quantiseRows } from './quantise';
import { trainWinModel } from './train-win-model';
import type { WinModel } from './win-model';
import type { WinRow } from './win-row';

let model: WinModel;
let twinBytes: () => Uint8Array;
beforeAll(async () => {
  const rng = seededRandom(3);
  const normal = seededNormal(rng);
  const rows: WinRow[] = Array.from({ length: 1500 }, () => {
    const features = Float32Array.from({ length: 24 }, () => rng() * 2 - 1);
    const price = Math.exp(0.4 + 0.5 * features[0] + 0.4 * normal());
    const bid = Math.exp(0.4 + 0.6 * normal());
    return { features, bidMicros: bid * 1e6, won: bid > price, minToWinMicros: price * 1e6 };
  });
  model = await trainWinModel(rows, { epochs: 6 }, 3, () => Promise.resolve());
  twinBytes = () => encodeWinModelInt8(model, activationRanges(model, rows));
}, 30_000);

test('a quantised matrix is off by half a scale at most, and a row of zeros stays zero', () => {
  const w = Float64Array.of(1, -0.5, 0.003, 0, 0, 0);
  const { q, scale } = quantiseRows(w, 2, 3);
  for (let o = 0; o < 2; o++) {
    for (let i = 0; i < 3; i++) {
      expect(Math.abs(q[i * 2 + o] * scale[o] - w[o * 3 + i])).toBeLessThanOrEqual(scale[o] / 2 + 1e-9);
    }
  }
  expect([...q].every(Number.isFinite)).toBe(true);
  expect(scale[1]).toBe(1);
});

test('the twin runs under onnxruntime with the original contract and stays near the original law', async () => {
  const samples = paritySamples(model, 64, 5);
  const rows = Float32Array.from(samples.flatMap((sample) => sample.input));
  const twin = await ort.InferenceSession.create(twinBytes());
  expect([twin.inputNames, twin.outputNames]).toEqual([['features'], ['law']]);
  const { law } = await twin.run({ features: new ort.Tensor('float32', rows, [64, 24]) });
  const answers = law.data as Float32Array;
  const off = samples.flatMap(({ output }, n) => output.map((value, i) => Math.abs(answers[n * 2 + i] - value)));
  expect(Math.max(...off)).toBeLessThan(0.1);
  expect(Math.max(...off)).toBeGreaterThan(0);
  for (const [n, { input }] of samples.slice(0, 8).entries()) {
    const alone = await twin.run({ features: new ort.Tensor('float32', Float32Array.from(input), [1, 24]) });
    // A row's answer does not depend on the rows beside it (but for the last bit of a vectorised softplus).
    [...(alone.law.data as Float32Array)].forEach((value, i) =>
      expect(Math.abs(value - answers[n * 2 + i])).toBeLessThan(1e-6),
    );
  }
});

test('the same weights give the same bytes, fewer than the original holds', () => {
  expect(twinBytes()).toEqual(twinBytes());
  expect(twinBytes().length).toBeLessThan(encodeWinModelOnnx(model).length / 2);
});
