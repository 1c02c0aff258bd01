import type { UserValues } from '#domain/contracts';
import { pointInTimeFeatures } from '#domain/features';
import type { LakeDecision } from '../fixtures/history-edge';
import { DECISIONS, threeWeeks } from '../fixtures/three-weeks';

/** What the lake's columns say of a user, under the names of the features. */
const valuesOf = (row: LakeDecision): UserValues =>
  ({
    exposures10m: row.exposures_10m,
    exposures1h: row.exposures_1h,
    exposures6h: row.exposures_6h,
    exposures24h: row.exposures_24h,
    exposures3d: row.exposures_3d,
    exposures7d: row.exposures_7d,
    secondsSinceExposure: row.seconds_since_exposure,
    clicksSinceExposure: row.clicks_since_exposure,
    clicks7d: row.clicks_7d,
  }) as UserValues;

describe('features logged with decisions equal those computed from the lake', () => {
  it('on 10,000 rows of three weeks, through late and repeated notices, restarts and set clocks', async () => {
    const { decisions, outcomes } = await threeWeeks(35, 4096);
    expect(decisions.length).toBe(DECISIONS);
    const offline = pointInTimeFeatures(decisions, outcomes);
    const states = new Map<unknown, number>();
    for (const row of decisions) {
      states.set(row.history_state, (states.get(row.history_state) ?? 0) + 1);
      if (row.history_state === 'known')
        expect([row.decision_id, valuesOf(row)]).toEqual([row.decision_id, offline.get(row.decision_id)]);
      else expect(valuesOf(row).exposures7d).toBeNull();
    }
    // Not a test of zeros: windows differ, some counts are at their most, some users clicked.
    const known = decisions.filter((row) => row.history_state === 'known').map(valuesOf);
    expect([...states.keys()].sort()).toEqual(['known', 'not-allowed']);
    expect(known.length).toBeGreaterThan(0.8 * DECISIONS);
    expect(
      known.filter((row) => row.exposures7d > row.exposures24h && row.exposures24h > row.exposures10m).length,
    ).toBeGreaterThan(500);
    expect(known.filter(({ exposures7d }) => exposures7d === 32).length).toBeGreaterThan(50);
    expect(known.filter(({ clicksSinceExposure }) => clicksSinceExposure > 0).length).toBeGreaterThan(100);
  });

  it('where there is too little room, on every row that does not say that it was forgotten', async () => {
    const { decisions, outcomes, evictions } = await threeWeeks(36, 96);
    const offline = pointInTimeFeatures(decisions, outcomes);
    expect(evictions).toBeGreaterThan(50);
    const known = decisions.filter((row) => row.history_state === 'known');
    for (const row of known)
      expect([row.decision_id, valuesOf(row)]).toEqual([row.decision_id, offline.get(row.decision_id)]);
    expect(known.length).toBeGreaterThan(0.05 * DECISIONS);
    expect(decisions.some((row) => row.history_state === 'forgotten')).toBe(true);
  });
});
