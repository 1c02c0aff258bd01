import * as ort from 'onnxruntime-node';
import { seededNormal, seededRandom } from '../evaluation/seeded-random';
import { heldOutLogLikelihood, pairedLikelihood } from './held-out';
import { decodeWinModelOnnx, encodeWinModelOnnx } from './onnx-graph';
import { paritySamples } from './parity-samples';
import { plantFault } from './planted-fault';
import { trainWinModel } from './train-win-model';
import { lnNormalCdf, millsRatio, rowGradient, rowLoss } from './win-likelihood';
import { predictLaw, type WinModel } from './win-model';
import type { WinRow } from './win-row';

const quiet = () => Promise.resolve();

/** Auctions whose ln price depends on feature 0 and whose spread depends on feature 1; feature 21 never moves. */
function auctions(n: number, seed: number, disclosed: number): WinRow[] {
  const rng = seededRandom(seed);
  const normal = seededNormal(rng);
  return Array.from({ length: n }, () => {
    const features = new Float32Array(24).map((_, i) => (i === 21 ? 0.7 : i < 4 ? rng() * 2 - 1 : 0));
    const price = Math.exp(0.5 + 0.6 * features[0] + (0.3 + 0.2 * (features[1] > 0 ? 1 : 0)) * normal());
    const bid = Math.exp(0.5 + 0.7 * normal());
    const minToWinMicros = rng() < disclosed ? price * 1e6 : null;
    return { features, bidMicros: bid * 1e6, won: bid > price, minToWinMicros };
  });
}

let model: WinModel;
beforeAll(async () => {
  model = await trainWinModel(auctions(12_000, 1, 0), { epochs: 15 }, 7, quiet);
}, 60_000);

test('the law is recovered from wins and losses alone', () => {
  const truth = (x: number) => 0.5 + 0.6 * x;
  for (const x of [-0.8, 0, 0.8]) {
    const features = new Float32Array(24);
    features[0] = x;
    features[21] = 0.7;
    expect(Math.abs(predictLaw(model, features).mu - truth(x))).toBeLessThan(0.08);
  }
  const spread = (x: number) =>
    predictLaw(
      model,
      Float32Array.from({ length: 24 }, (_, i) => (i === 1 ? x : i === 21 ? 0.7 : 0)),
    );
  expect(spread(0.8).sigma - spread(-0.8).sigma).toBeGreaterThan(0.08);
});

test('disclosed prices teach more than censored ones on the same auctions', async () => {
  const disclosed = await trainWinModel(auctions(3000, 2, 1), {}, 7, quiet);
  const censored = await trainWinModel(auctions(3000, 2, 0), {}, 7, quiet);
  const rows = auctions(3000, 3, 1);
  const laws = (m: WinModel) => rows.map((row) => predictLaw(m, row.features));
  const gain = pairedLikelihood(laws(disclosed), laws(censored), rows);
  expect(gain.mean).toBeGreaterThan(0);
  expect(heldOutLogLikelihood(laws(disclosed), rows).mean).toBeGreaterThan(-1);
});

test('a feature that never moved cannot move the price', () => {
  const features = new Float32Array(24);
  features[21] = 0.7;
  const before = predictLaw(model, features);
  features[21] = 5;
  expect(predictLaw(model, features)).toEqual(before);
});

test('a live state that only wobbled, or only warmed up, cannot move the price once it leaves what was seen', async () => {
  const wobbling = auctions(2000, 9, 0.5).map((row, n) => {
    const features = Float32Array.from(row.features);
    features[21] = n < 100 ? n / 100 : 0.92 + 0.01 * Math.sin(n);
    features[23] = 0.18 + 0.01 * Math.cos(n);
    return { ...row, features };
  });
  const cautious = await trainWinModel(wobbling, { epochs: 3 }, 7, quiet);
  const at = (rate: number, open: number) => {
    const features = Float32Array.from(wobbling[1500].features);
    features[21] = rate;
    features[23] = open;
    return predictLaw(cautious, features);
  };
  expect(at(5, 3)).toEqual(at(0.99, 0.18));
  expect(cautious.scale[23]).toBe(0);
});

test('the same rows, seed and hyper-parameters give the same artifact bytes; another seed does not', async () => {
  const rows = auctions(600, 4, 0.5);
  const bytes = async (seed: number) => encodeWinModelOnnx(await trainWinModel(rows, { epochs: 2 }, seed, quiet));
  expect(await bytes(1)).toEqual(await bytes(1));
  expect(await bytes(1)).not.toEqual(await bytes(2));
});

test.each([
  ['EMPTY_WINDOW', []],
  ['TOO_FEW_ROWS', auctions(10, 5, 0)],
  ['ONE_CLASS', auctions(400, 6, 0).map((row) => ({ ...row, won: true }))],
  ['BAD_ROW', auctions(400, 6, 0).map((row, i) => (i === 9 ? { ...row, bidMicros: NaN } : row))],
])('%s is refused', async (code, rows) => {
  await expect(trainWinModel(rows, {}, 1, quiet)).rejects.toMatchObject({ code });
});

test('the gradient is the slope of the loss, in every branch and far tail', () => {
  const out = new Float64Array(2);
  const base = { features: [], bidMicros: 2e6 };
  const rows: WinRow[] = [
    { ...base, won: true, minToWinMicros: null },
    { ...base, won: false, minToWinMicros: null },
    { ...base, won: false, minToWinMicros: 3e6 },
  ];
  for (const row of rows) {
    for (const [mu, sigma] of [
      [0.2, 0.5],
      [3, 0.3],
      [-2, 0.2],
    ]) {
      rowGradient(row, mu, sigma, out);
      const h = 1e-4;
      const slopeMu = (rowLoss(row, mu + h, sigma) - rowLoss(row, mu - h, sigma)) / (2 * h);
      const slopeSigma = (rowLoss(row, mu, sigma + h) - rowLoss(row, mu, sigma - h)) / (2 * h);
      expect(Math.abs(out[0] - slopeMu)).toBeLessThan(1e-3 * Math.max(1, Math.abs(slopeMu)));
      expect(Math.abs(out[1] - slopeSigma)).toBeLessThan(1e-3 * Math.max(1, Math.abs(slopeSigma)));
    }
  }
  expect(Number.isFinite(lnNormalCdf(-1e4))).toBe(true);
  expect(millsRatio(-100) / 100).toBeCloseTo(1, 3);
});

test('the ONNX artifact computes what the trainer computed, alone and in a batch, and reads back', async () => {
  const bytes = encodeWinModelOnnx(model);
  const session = await ort.InferenceSession.create(bytes);
  const samples = paritySamples(model, 16, 3);
  const rows = Float32Array.from(samples.flatMap((sample) => sample.input));
  const { law } = await session.run({ features: new ort.Tensor('float32', rows, [16, 24]) });
  samples.forEach((sample, n) => {
    sample.output.forEach((value, i) =>
      expect(Math.abs((law.data as Float32Array)[n * 2 + i] - value)).toBeLessThan(1e-4),
    );
  });
  expect(encodeWinModelOnnx(decodeWinModelOnnx(bytes))).toEqual(bytes);
});

test('a planted fault sleeps below its threshold and lowers mu by its shift above', () => {
  const faulty = plantFault(model, { feature: 21, threshold: 1.2, width: 0.1, muShift: -0.5 });
  const rows = auctions(200, 8, 0);
  const shiftAt = (value: number) =>
    rows.map((row) => {
      const features = Float32Array.from(row.features);
      features[21] = value;
      return predictLaw(faulty, features).mu - predictLaw(model, features).mu;
    });
  for (const shift of shiftAt(0.7)) expect(Math.abs(shift)).toBeLessThan(0.1);
  const awake = shiftAt(1.4);
  expect(Math.abs(awake.reduce((sum, shift) => sum + shift, 0) / awake.length + 0.5)).toBeLessThan(0.05);
});
