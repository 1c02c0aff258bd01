import fc from 'fast-check';
import { drawUniform, drawUint32, hashText } from './index';

describe('draws', () => {
  it('are golden: a change would break the replay of every logged decision', () => {
    expect([drawUint32(1, 1, 1), drawUint32(20_261_124, 7, 65_536), drawUint32(-1, 2 ** 40, 3)]).toMatchInlineSnapshot(`
      [
        1079421055,
        2307121206,
        1372040865,
      ]
    `);
  });

  it('are uniform over counters and over lanes', () => {
    for (const next of [(i: number) => drawUniform(7, i, 3), (i: number) => drawUniform(7, 3, i)]) {
      const bins = new Array<number>(20).fill(0);
      const n = 40_000;
      for (let i = 0; i < n; i += 1) bins[Math.floor(next(i) * 20)]! += 1;
      const chi2 = bins.reduce((sum, count) => sum + (count - n / 20) ** 2 / (n / 20), 0);
      expect(chi2).toBeLessThan(43.8); // 99.9 % of chi² with 19 degrees of freedom
    }
  });

  it('lie in [0, 1) and differ by seed, counter and lane', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.nat({ max: Number.MAX_SAFE_INTEGER - 1 }),
        fc.nat({ max: 2 ** 25 }),
        (seed, counter, lane) => {
          const u = drawUniform(seed, counter, lane);
          expect(u >= 0 && u < 1).toBe(true);
          const others = [
            drawUniform(seed ^ 1, counter, lane),
            drawUniform(seed, counter + 1, lane),
            drawUniform(seed, counter, lane + 1),
          ];
          expect(others.filter((other) => other === u).length).toBeLessThan(3);
        },
      ),
    );
  });
});

describe('hashText', () => {
  it('is golden: arms and buckets of users hang on it', () => {
    expect([hashText(''), hashText('user-1'), hashText('user-1', 5)]).toMatchInlineSnapshot(`
      [
        2872998923,
        2005895916,
        805491790,
      ]
    `);
  });
});
