import { WIN_NET, type WinModel } from '#domain/learning';
import { BAD_KINDS, plantCanaries } from './planted';

const { inputs, hidden1, hidden2, outputs } = WIN_NET;
const champion: WinModel = {
  mean: new Float64Array(inputs).fill(0.5),
  scale: new Float64Array(inputs).fill(2),
  low: new Float64Array(inputs).fill(-2),
  high: new Float64Array(inputs).fill(2),
  w1: new Float64Array(hidden1 * inputs).fill(0.1),
  b1: new Float64Array(hidden1),
  w2: new Float64Array(hidden2 * hidden1).fill(0.1),
  b2: new Float64Array(hidden2),
  w3: new Float64Array(outputs * hidden2).fill(0.1),
  b3: new Float64Array(outputs),
};
const plant = (seed: number) =>
  plantCanaries({
    champion,
    commonExchange: 14,
    kinds: BAD_KINDS,
    sizes: 5,
    seed,
    championP99Us: 1000,
    usPerLayer: 10,
  });

test('twenty bad candidates of four kinds and five sizes, and twenty healthy ones, drawn by seed', () => {
  const planted = plant(1);
  for (const kind of BAD_KINDS) {
    const sizes = planted.filter((one) => one.kind === kind).map(({ size }) => size);
    expect(new Set(sizes).size).toBe(5);
  }
  expect(planted.filter(({ kind }) => kind === 'healthy')).toHaveLength(20);
  const texts = planted.map(({ bytes }) => Buffer.from(bytes).toString('base64'));
  expect(new Set(texts).size).toBe(40);
  expect(plant(1).map(({ bytes }) => Buffer.from(bytes).toString('base64'))).toEqual(texts);
  expect(plant(2)[0]!.size).not.toBe(planted[0]!.size);
});
