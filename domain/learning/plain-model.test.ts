import fc from 'fast-check';
import { encodeWinModelOnnx } from './onnx-graph';
import { PlainModel, plainModelOf } from './plain-model';
import { ballast } from './planted-graph';
import { predictLaw, TENSOR_LENGTHS, WIN_NET, type WinModel } from './win-model';
import { drawUniform } from '../random';

/** Weights of a size that a trained model has, as floats. */
function randomModel(seed: number): WinModel {
  let n = 0;
  const draw = (scale: number): number => Math.fround((drawUniform(seed, n++, 0) - 0.5) * scale);
  const model = Object.fromEntries(
    Object.entries(TENSOR_LENGTHS).map(([name, length]) => [name, Float64Array.from({ length }, () => draw(0.5))]),
  ) as unknown as WinModel;
  model.scale.fill(1);
  model.low.fill(-5);
  model.high.fill(5);
  return model;
}

const feature = fc.float({ min: -8, max: 8, noNaN: true });
const row = fc.array(feature, { minLength: WIN_NET.inputs, maxLength: WIN_NET.inputs });

describe('the plain form of a win model', () => {
  it('answers as the model does, to the rounding of floats, row by row', () => {
    const model = randomModel(3);
    const plain = new PlainModel(model);
    fc.assert(
      fc.property(row, row, (first, second) => {
        const law = plain.run(Float32Array.from([...first, ...second]), 2);
        for (const [at, features] of [first, second].entries()) {
          const { mu, sigma } = predictLaw(model, features);
          expect(Math.abs((law[at * 2] as number) - mu)).toBeLessThan(1e-5);
          expect(Math.abs((law[at * 2 + 1] as number) - sigma)).toBeLessThan(1e-5);
        }
      }),
    );
  });

  it('is read out of our own graph alone', () => {
    const model = randomModel(4);
    const bytes = encodeWinModelOnnx(model);
    const rows = Float32Array.from({ length: WIN_NET.inputs }, (_, i) => i / 10);
    expect(plainModelOf(bytes)?.run(rows, 1)).toEqual(new PlainModel(model).run(rows, 1));
    expect(plainModelOf(encodeWinModelOnnx(model, ballast(2, { feature: 21, threshold: 1, width: 0.2 })))).toBeNull();
    expect(plainModelOf(bytes.subarray(1))).toBeNull();
    expect(plainModelOf(new Uint8Array())).toBeNull();
  });

  it('does not hide what is no number', () => {
    const model = randomModel(5);
    const rows = new Float32Array(WIN_NET.inputs).fill(NaN);
    expect(new PlainModel(model).run(rows, 1).every(Number.isNaN)).toBe(true);
    model.w2[7] = Number.NaN;
    expect(new PlainModel(model).run(new Float32Array(WIN_NET.inputs).fill(1), 1).some(Number.isNaN)).toBe(true);
  });
});
