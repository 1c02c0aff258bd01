import { resumableRandom, seededNormal, seededRandom } from '../evaluation/seeded-random';
import { encodeWinModelOnnx } from './onnx-graph';
import { trainWinModel, type TrainingKeeper } from './train-win-model';
import { decodeCheckpoint, encodeCheckpoint } from './training-checkpoint';
import type { WinRow } from './win-row';

const rows: WinRow[] = (() => {
  const rng = seededRandom(11);
  const normal = seededNormal(rng);
  return Array.from({ length: 700 }, () => {
    const features = Float32Array.from({ length: 24 }, () => rng() * 2 - 1);
    const price = Math.exp(0.3 + 0.5 * features[0] + 0.4 * normal());
    const bid = Math.exp(0.3 + 0.6 * normal());
    return { features, bidMicros: bid * 1e6, won: bid > price, minToWinMicros: rng() < 0.3 ? price * 1e6 : null };
  });
})();
const HYPER = { epochs: 6, patience: 6, learningRate: 0.003 };
const quiet = () => Promise.resolve();
const train = async (keeper: TrainingKeeper = {}, seed = 5, onProgress = quiet) =>
  encodeWinModelOnnx(await trainWinModel(rows, HYPER, seed, onProgress, keeper));

async function kept(): Promise<Uint8Array[]> {
  const files: Uint8Array[] = [];
  await train({ onCheckpoint: async (checkpoint) => void files.push(encodeCheckpoint(checkpoint)) });
  return files;
}

test('a training taken up after any epoch ends in the artifact of an undisturbed one, bit for bit', async () => {
  const undisturbed = await train();
  const files = await kept();
  expect(files.length).toBe(HYPER.epochs - 1);
  for (const file of files) {
    const from = decodeCheckpoint(file);
    expect(from).not.toBeNull();
    const epochs: number[] = [];
    const onCheckpoint = async ({ epoch }: { epoch: number }) => void epochs.push(epoch);
    const model = await trainWinModel(rows, HYPER, 5, quiet, { from, onCheckpoint });
    expect(epochs.every((epoch) => epoch > from!.epoch)).toBe(true);
    expect(epochs.length).toBe(HYPER.epochs - 1 - from!.epoch);
    expect(encodeWinModelOnnx(model)).toEqual(undisturbed);
  }
});

test('trainings that share the process, breath by breath, do not disturb each other', async () => {
  const breath = () => new Promise<void>((resolve) => setImmediate(resolve));
  const [alone, together, other] = [
    await train(),
    ...(await Promise.all([train({}, 5, breath), train({}, 6, breath)])),
  ];
  expect(together).toEqual(alone);
  expect(other).not.toEqual(alone);
});

test('a checkpoint reads back as it was written; a cut, foreign or empty one is none', async () => {
  const [file] = await kept();
  expect(encodeCheckpoint(decodeCheckpoint(file)!)).toEqual(file);
  for (const broken of [file.slice(0, -1), file.slice(0, 20), new Uint8Array(0), Uint8Array.of(123, 125, 10)]) {
    expect(decodeCheckpoint(broken)).toBeNull();
  }
});

test('a checkpoint of another seed is not taken up', async () => {
  const [file] = await kept();
  expect(await train({ from: decodeCheckpoint(file) }, 6)).toEqual(await train({}, 6));
});

test('a generator goes on from its kept state with the very next number', () => {
  const random = resumableRandom(2 ** 40 + 17);
  for (let n = 0; n < 100; n++) random.next();
  const again = resumableRandom(0, random.state());
  expect(Array.from({ length: 50 }, again.next)).toEqual(Array.from({ length: 50 }, random.next));
});
