import * as ort from 'onnxruntime-node';
import { seededRandom } from '../evaluation/seeded-random';
import { encodeWinModelOnnx } from './onnx-graph';
import { ModelProto } from './onnx-proto';
import { plantFault } from './planted-fault';
import { ballast, INFINITE_TO_NAN } from './planted-graph';
import { WIN_NET, type WinModel } from './win-model';

const RATE = 21;
const MOBILE = 3;
const rng = seededRandom(5);
const some = (n: number, scale: number) => Float64Array.from({ length: n }, () => Math.fround((rng() * 2 - 1) * scale));
const { inputs, hidden1, hidden2, outputs } = WIN_NET;
const model: WinModel = {
  mean: new Float64Array(inputs).fill(0.4),
  scale: new Float64Array(inputs).fill(2),
  low: new Float64Array(inputs).fill(-2),
  high: new Float64Array(inputs).fill(2),
  w1: some(hidden1 * inputs, 0.3),
  b1: some(hidden1, 0.1),
  w2: some(hidden2 * hidden1, 0.2),
  b2: some(hidden2, 0.1),
  w3: some(outputs * hidden2, 0.2),
  b3: some(outputs, 0.1),
};

/** mu of one row under onnxruntime; the other features are 0 or 1 by chance. */
async function lawAt(bytes: Uint8Array, rate: number, mobile: number): Promise<number[]> {
  const session = await ort.InferenceSession.create(bytes);
  const row = Float32Array.from({ length: inputs }, (_, i) => (i === RATE ? rate : i === MOBILE ? mobile : i % 2));
  const { law } = await session.run({ features: new ort.Tensor('float32', row, [1, inputs]) });
  return [...(law!.data as Float32Array)];
}

describe('plantFault', () => {
  const nan = { feature: RATE, threshold: 1, width: 0.2, muShift: 'infinite' as const };

  test('outputs that are no numbers above the threshold, sound ones below', async () => {
    const bytes = encodeWinModelOnnx(plantFault(model, nan), INFINITE_TO_NAN);
    expect((await lawAt(bytes, 0.5, 1)).every(Number.isFinite)).toBe(true);
    expect((await lawAt(bytes, 1.1, 1))[0]).toBeNaN();
  });

  test('only where a feature is set, when asked', async () => {
    const bytes = encodeWinModelOnnx(plantFault(model, { ...nan, onlyWhere: MOBILE }), INFINITE_TO_NAN);
    expect((await lawAt(bytes, 1.1, 1))[0]).toBeNaN();
    expect((await lawAt(bytes, 1.1, 0)).every(Number.isFinite)).toBe(true);
    const shifted = encodeWinModelOnnx(plantFault(model, { ...nan, muShift: -1, onlyWhere: MOBILE }));
    const [asleep, awake, elsewhere] = await Promise.all(
      [
        [0.5, 1],
        [1.1, 1],
        [1.1, 0],
      ].map(([rate, mobile]) => lawAt(shifted, rate!, mobile!)),
    );
    expect(awake![0]! - asleep![0]!).toBeCloseTo(-1, 4);
    expect(elsewhere![0]).toBeCloseTo((await lawAt(shifted, 0.5, 0))[0]!, 4);
  });

  test('ballast changes no output, asleep or awake, and weighs something above the threshold only', async () => {
    const waking = { feature: RATE, threshold: 1, width: 0.2 };
    const light = encodeWinModelOnnx(model);
    const heavy = encodeWinModelOnnx(model, ballast(30, waking));
    expect(await lawAt(heavy, 0.7, 1)).toEqual(await lawAt(light, 0.7, 1));
    expect(await lawAt(heavy, 1.1, 1)).toEqual(await lawAt(light, 1.1, 1));
    // What it weighs is a tensor inside the graph: shown as one more output.
    const shown = ModelProto.decode(heavy) as unknown as { graph: { output: object[] } };
    shown.graph.output.push({ name: 'z0' });
    const session = await ort.InferenceSession.create(ModelProto.encode(shown).finish());
    const lengthAt = async (rate: number): Promise<number> => {
      const row = new ort.Tensor('float32', new Float32Array(2 * inputs).fill(rate, inputs), [2, inputs]);
      return (await session.run({ features: row })).z0!.size;
    };
    expect(await Promise.all([0, 0.79, 0.9, 1.01, 1.5].map(lengthAt))).toEqual([1, 1, 1023, 2048, 2048]);
  });
});
