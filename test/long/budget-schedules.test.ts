import { seededRandom } from '#domain/evaluation';
import { runSchedules } from '../fixtures/budget-schedule';
import { figure } from './figure';

const SCHEDULES = Number(process.env['LONG_SCHEDULES'] ?? 1_000_000);

/** Case 18: random histories of the real state of two edges on one budget; other seeds than the short form's. */
test('in a million random histories every charge is booked once and spent <= budget + late', () => {
  figure('budget schedules', runSchedules(1_000_000, SCHEDULES, seededRandom));
});
