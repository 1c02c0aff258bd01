import { cupedDifference } from './cuped';

const close = (actual: number, golden: number, relative = 1e-9) =>
  expect(Math.abs(actual - golden)).toBeLessThanOrEqual(relative * Math.abs(golden));

const control = { n: 1000, sy: 5000, syy: 29_000, sx: 4800, sxx: 27_000, sxy: 27_200 };
const treatment = { n: 1000, sy: 5100, syy: 30_100, sx: 4790, sxx: 26_900, sxy: 27_600 };

describe('CUPED (statistics.md 5)', () => {
  it('has the golden theta, difference, errors, interval and p', () => {
    const adjusted = cupedDifference(control, treatment, 0.05);
    close(adjusted.theta, 0.8047675894870485);
    close(adjusted.difference, 0.10804767589486985);
    close(adjusted.standardError, 0.054455084953720666);
    close(adjusted.unadjustedStandardError, 0.08998943325801145);
    close(adjusted.interval[0], 0.0012528438285682175);
    close(adjusted.interval[1], 0.2148425079611715);
    close(adjusted.p, 0.04737475646672884);
  });

  it('changes nothing when the covariate is constant', () => {
    const flat = { sx: 1000, sxx: 1000, sxy: 0 };
    const adjusted = cupedDifference(
      { ...control, ...flat, sxy: control.sy },
      { ...treatment, ...flat, sxy: treatment.sy },
      0.05,
    );
    expect(adjusted.theta).toBe(0);
    expect(adjusted.standardError).toBe(adjusted.unadjustedStandardError);
  });

  it('refuses an arm without variance', () => {
    expect(() => cupedDifference({ ...control, n: 1 }, treatment, 0.05)).toThrow('two units');
  });
});
