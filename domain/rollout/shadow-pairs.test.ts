import { winProbability } from '../agents/bid/win-law';
import { seededRandom } from '../evaluation';
import { judgeLatency, latencyBudgetUs } from './shadow-latency';
import { shadowMean } from './shadow-pairs';
import { ShadowCalibrator, type ShadowedBid } from './shadow-calibration';

describe('mean of paired differences', () => {
  it('weighs users by their requests and takes the error over users', () => {
    // Three users with 1, 2 and 1 requests whose differences sum to 1, 4 and 4: residuals from 9/4 are -1.25, -0.5, 1.75.
    const mean = shadowMean([
      { numerator: 1, denominator: 1 },
      { numerator: 4, denominator: 2 },
      { numerator: 4, denominator: 1 },
    ])!;
    expect(mean.mean).toBeCloseTo(2.25, 12);
    expect(mean.standardError).toBeCloseTo(Math.sqrt((4.875 * 3) / (2 * 16)), 12);
    // t of 95 % with 2 degrees of freedom.
    expect(mean.upper - mean.mean).toBeCloseTo(4.302652729911275 * mean.standardError, 9);
    expect(mean.mean - mean.lower).toBeCloseTo(mean.upper - mean.mean, 12);
  });

  it('is unknown with one user, and certain when all agree', () => {
    expect(shadowMean([{ numerator: 1, denominator: 1 }])).toBeNull();
    const [a, b] = [1, 2].map((denominator) => ({ numerator: 3 * denominator, denominator }));
    expect(shadowMean([a!, b!])).toEqual({ mean: 3, standardError: 0, lower: 3, upper: 3 });
  });
});

describe('latency of the model stage', () => {
  const judged = (latencyUsP99: number, championUsP99: number, overBudget: number, n = 1000) =>
    judgeLatency(latencyUsP99, { n, championUsP99, budgetUs: latencyBudgetUs(championUsP99), overBudget });

  it('is bounded by 10 ms on a calm machine and by the champion on a busy one', () => {
    expect([latencyBudgetUs(0), latencyBudgetUs(400), latencyBudgetUs(40_000)]).toEqual([10_000, 10_000, 60_000]);
    expect(judged(9_999, 400, 9)).toBe('within');
    expect(judged(47_000, 40_000, 8)).toBe('within');
    expect(judged(47_000, 400, 900)).toBe('too-slow');
    expect(judged(90_000, 40_000, 40)).toBe('too-slow');
  });

  it('leaves in doubt what chance or too few decisions explain', () => {
    expect(judged(12_000, 400, 12)).toBe('in-doubt');
    expect(judged(12_000, 400, 18)).toBe('too-slow');
    expect(judged(30_000, 400, 50, 50)).toBe('in-doubt');
    expect(judged(30_000, 0, 0, 0)).toBe('in-doubt');
  });
});

describe('calibration of a shadow', () => {
  /** Bids whose market is ln N(0, 1): each law is shifted from the truth by its argument. */
  function bids(n: number, shift: number, championShift = 0, isDelivered = true) {
    const draw = seededRandom(11);
    const calibrator = new ShadowCalibrator();
    for (let k = 0; k < n; k += 1) {
      const bidMicros = 300_000 + draw() * 2_000_000;
      const won = draw() < winProbability(bidMicros, 0, 1) && isDelivered;
      const law: Pick<ShadowedBid, 'mu' | 'championMu'> = { mu: shift, championMu: championShift };
      calibrator.add({ unit: k % 97, bidMicros, won, sigma: 1, championSigma: 1, ...law });
    }
    return calibrator.result();
  }

  it('finds a true law within, with an interval around 1', () => {
    const { verdict, n, candidate, ece, predictedWinShare, observedWinShare } = bids(4000, 0);
    expect([verdict, n]).toEqual(['within', 4000]);
    expect(candidate!.ratio.lower).toBeLessThan(1);
    expect(candidate!.ratio.upper).toBeGreaterThan(1);
    expect(Math.abs(predictedWinShare - observedWinShare)).toBeLessThan(0.03);
    expect(ece).toBeLessThan(0.03);
  });

  it.each([
    ['sees half the price to beat', -0.69, 'within'],
    ['says that it always wins', -9, 'beyond'],
    ['wins far more than it says', 1.5, 'beyond'],
  ] as const)('is told apart when a law %s', (_what, shift, verdict) => {
    expect(bids(4000, shift).verdict).toBe(verdict);
  });

  it('blames missing notices on nobody: the champion is as far off', () => {
    const { verdict, candidate, champion } = bids(4000, 0, 0, false);
    expect(verdict).toBe('within');
    expect([candidate!.ratio.mean, champion!.ratio.mean]).toEqual([0, 0]);
    expect(bids(4000, 0, 9, false).verdict).toBe('beyond');
  });

  it('says nothing on few bids', () => {
    expect(bids(199, 3)).toMatchObject({ verdict: 'no-data', n: 199, candidate: null });
    expect(new ShadowCalibrator().result()).toMatchObject({ verdict: 'no-data', n: 0, ece: 0 });
  });
});
