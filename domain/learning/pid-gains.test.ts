import type { BudgetParams } from '../contracts/agent';
import { fitPidGains } from './pid-gains';
import { fitTrafficShares, HOURS_OF_WEEK } from './traffic-shares';

const base: BudgetParams = {
  kp: 0.1,
  ki: 0,
  kd: 0,
  clip: 1.5,
  slewUpPerMinute: 0.05,
  slewDownPerMinute: 0.2,
  band: 0.01,
  kMin: 0.2,
  kMax: 3,
  trafficShares: Array.from({ length: HOURS_OF_WEEK }, () => 1 / HOURS_OF_WEEK),
};

test('traffic shares sum to one and follow the counts; unseen hours are average', () => {
  const counts = Array.from({ length: HOURS_OF_WEEK }, (_, hour) => (hour === 3 ? 0 : hour === 5 ? 2000 : 1000));
  const shares = fitTrafficShares(counts);
  expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
  expect(shares[5] / shares[4]).toBeCloseTo(2, 1);
  expect(shares[3]).toBeGreaterThan(0.9 / HOURS_OF_WEEK);
});

test('fitted gains pace an evening-heavy profile better than the gains they start from', () => {
  const shares = fitTrafficShares(
    Array.from({ length: HOURS_OF_WEEK }, (_, h) => 100 + 900 * Math.sin(((h % 24) / 24) * Math.PI)),
  );
  const fit = fitPidGains(base, shares, 11);
  expect(fit.pacingRmse).toBeLessThan(fit.basePacingRmse * 0.8);
  expect(fit.params.trafficShares).toEqual(shares);
});
