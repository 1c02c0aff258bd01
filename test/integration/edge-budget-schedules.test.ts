import { seededRandom } from '#domain/evaluation';
import { runSchedules } from '../fixtures/budget-schedule';

/** The short form of the million of `npm run test:long`. */
test('in 10,000 random histories of two edges on one budget every charge is booked once and spent <= budget + late', () => {
  const sums = runSchedules(1, 10_000, seededRandom);
  expect(sums['bids']).toBeGreaterThan(5000);
  expect(sums['paidNanos']).toBeGreaterThan(0);
  expect(sums['withLate']).toBeGreaterThan(50);
  expect(sums['crashes']).toBeGreaterThan(1000);
  expect(sums['takenBack']).toBeGreaterThan(100);
});
