import { pairedOffPolicy, type WeighedReward } from './paired-off-policy';
import { seededRandom } from './seeded-random';

const options = () => ({ rng: seededRandom(5), resamples: 300, level: 0.95 });
const MOMENTS = { logging: 1, other: 1, squared: 1, unsupported: 0, unsupportedValue: 0 };
/** `n` bids, all won, of which the first `rewarded` brought 2; each of its own user. */
const rows = (n: number, rewarded: number, over: Partial<WeighedReward> = {}): WeighedReward[] =>
  Array.from({ length: n }, (_, at) => ({
    ...{ user: `u-${at}`, copies: 1, reward: at < rewarded ? 2 : 0, weight: 1, wonValue: 1, moments: MOMENTS },
    ...over,
  }));

describe('the paired off-policy estimate', () => {
  it('is 0 with certainty where the policies agree', () => {
    expect(pairedOffPolicy(rows(400, 80), options())).toMatchObject({
      ...{ bids: 400, users: 400, rewarded: 80, unsupportedShare: 0, refusals: [] },
      effectiveRewards: expect.closeTo(80, 9) as number,
      estimate: { effect: 0, lower: 0, upper: 0 },
    });
  });

  it('is Σwr / Σr − 1 plus what the agents expect beyond the log, calibrated by what they expected of wins', () => {
    const half = rows(400, 80).map((row, at) => ({ ...row, weight: at % 2 === 0 ? 1.4 : 0.8 }));
    expect(pairedOffPolicy(half, options()).estimate!.effect).toBeCloseTo(0.1, 12);
    const beyond = { ...MOMENTS, unsupported: 0.03, unsupportedValue: 0.03 };
    expect(pairedOffPolicy(rows(400, 80, { moments: beyond }), options()).estimate!.effect).toBeCloseTo(0.03, 12);
  });

  it('counts a thinned bid as often as it stands for', () => {
    const thinned = rows(400, 80).map((row) => (row.reward > 0 ? row : { ...row, copies: 10 }));
    expect(pairedOffPolicy(thinned, options())).toMatchObject({ bids: 80 + 3200, rewarded: 80 });
  });

  it('is as wide as the weights that could have been drawn, even where those that were are all alike', () => {
    // As if a twentieth of what the other policy wins were seen once in 400 rewards: with 80 it was not seen.
    const moments = { ...MOMENTS, logging: 1, other: 1, squared: 0.95 + 0.05 ** 2 / 0.0025 };
    const { estimate } = pairedOffPolicy(rows(400, 80, { weight: 0.95, moments }), options());
    expect(estimate!.effect).toBeCloseTo(-0.05, 12);
    expect(estimate!.upper).toBeGreaterThan(0.05);
  });

  it('resamples users, not bids: copies of each other are one observation', () => {
    const weights = (at: number) => (at % 2 === 0 ? 1.5 : 0.5);
    const alone = rows(400, 400).map((row, at) => ({ ...row, weight: weights(at) }));
    const together = alone.map((row, at) => ({ ...row, user: `u-${(at % 2) + 2 * Math.floor(at / 20)}` }));
    const width = (from: WeighedReward[]) => {
      const { lower, upper } = pairedOffPolicy(from, options()).estimate!;
      return upper - lower;
    };
    expect(width(together)).toBeGreaterThan(2 * width(alone));
  });

  it.each([
    ['TOO_FEW_BIDS', rows(199, 80)],
    ['TOO_FEW_REWARDS', rows(400, 29)],
    ['TOO_FEW_REWARDS', rows(400, 80, { moments: { ...MOMENTS, squared: 3 } })],
    ['LOW_EFFECTIVE_SAMPLE_SIZE', rows(5000, 5000, { moments: { ...MOMENTS, squared: 110 } })],
    ['MISSING_SUPPORT', rows(400, 80, { moments: { ...MOMENTS, unsupported: 0.06 } })],
  ])('is refused: %s', (code, from) => {
    const { estimate, refusals } = pairedOffPolicy(from, options());
    expect(estimate).toBeNull();
    expect(refusals.map((refusal) => refusal.code)).toEqual([code]);
  });
});
