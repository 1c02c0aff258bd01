import { encodeWinModelOnnx, plainModelOf, TENSOR_LENGTHS, WIN_NET, type WinModel } from '#domain/learning';
import { drawUniform } from '#domain/random';
import { openOnnxSession, openServedModel } from './onnx-session';

/** Some weights; every draw another. */
function anyModel(): WinModel {
  let n = 0;
  const tensors = Object.entries(TENSOR_LENGTHS).map(([name, length]) => {
    const values = Float64Array.from({ length }, () => Math.fround(drawUniform(7, (n += 1), 0) - 0.5));
    return [name, name === 'low' ? values.fill(-5) : name === 'high' ? values.fill(5) : values];
  });
  return Object.fromEntries(tensors) as WinModel;
}

describe('a model as an edge serves it', () => {
  it('computes one or two rows by plain loops, and more in the runtime, to the bit', async () => {
    const bytes = encodeWinModelOnnx(anyModel());
    const [served, session] = [await openServedModel(bytes), await openOnnxSession(bytes)];
    const plain = plainModelOf(bytes)!;
    const rows = Float32Array.from({ length: 3 * WIN_NET.inputs }, (_, at) => Math.sin(at));
    const two = rows.subarray(0, 2 * WIN_NET.inputs);
    expect(await served.run(two, 2)).toEqual(plain.run(two, 2));
    expect(await served.run(rows, 3)).toEqual(await session.run(rows, 3));
    await Promise.all([served.close(), session.close()]);
  });
});
