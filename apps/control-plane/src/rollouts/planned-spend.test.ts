import type { Campaign } from '#domain/contracts';
import { shareOfDay } from './planned-spend.service';

const DAY_MS = 86_400_000;
const MONDAY_MS = Date.parse('2026-11-23T00:00:00Z');
const campaign = {
  timeZone: 'UTC',
  dayparting: [] as number[],
  startAt: '2026-11-01T00:00:00Z',
  endAt: '2026-12-31T00:00:00Z',
} as Campaign;
const flat = new Array<number>(168).fill(1);

describe('share of a day that is planned for a window', () => {
  it('is the whole day over a day and proportional within it', () => {
    expect(shareOfDay(campaign, flat, MONDAY_MS, MONDAY_MS + DAY_MS)).toBeCloseTo(1, 9);
    expect(shareOfDay(campaign, flat, MONDAY_MS, MONDAY_MS + 600_000)).toBeCloseTo(600 / 86_400, 9);
  });

  it('follows the predicted traffic, dayparting and the flight', () => {
    const evening = flat.map((_, hour) => (hour % 24 >= 18 ? 3 : 0));
    expect(shareOfDay(campaign, evening, MONDAY_MS, MONDAY_MS + DAY_MS / 2)).toBe(0);
    expect(shareOfDay(campaign, evening, MONDAY_MS + DAY_MS * 0.75, MONDAY_MS + DAY_MS)).toBeCloseTo(1, 9);
    const mornings = { ...campaign, dayparting: [8, 9] };
    expect(shareOfDay(mornings, flat, MONDAY_MS + 8 * 3_600_000, MONDAY_MS + 9 * 3_600_000)).toBeCloseTo(0.5, 9);
    const over = { ...campaign, endAt: '2026-11-23T00:00:00Z' };
    expect(shareOfDay(over, flat, MONDAY_MS, MONDAY_MS + DAY_MS)).toBe(0);
  });

  it('falls back to wall time on a day without predicted traffic', () => {
    expect(shareOfDay(campaign, [], MONDAY_MS, MONDAY_MS + DAY_MS / 4)).toBeCloseTo(0.25, 9);
  });
});
