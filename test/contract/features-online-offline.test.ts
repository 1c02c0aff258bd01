import type { NoticeKind, UserValues } from '#domain/contracts';
import { pointInTimeFeatures, type OutcomeFact } from '#domain/features';
import { HistoryEdge, type HistoryUser, type LakeDecision } from '../fixtures/history-edge';

const DECISIONS = 10_000;
const USERS = 260;
const START_MS = Date.UTC(2026, 10, 1);
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Draws in [0, 1) by a linear congruence (Numerical Recipes). */
function draws(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

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

/** A few users see most of the ads; some have no id, some did not agree to a profile. */
function userOf(rng: () => number): HistoryUser {
  const number = Math.floor(USERS * rng() ** 3);
  return {
    userKey: number % 20 === 7 ? null : (number + 1).toString(16).padStart(16, 'a'),
    profile: number % 15 !== 4,
    measure: number % 11 !== 3,
    isTest: rng() < 0.02,
  };
}

/** Drives two edges through three weeks of bids, bills and clicks, late, repeated and lost ones, restarts and set clocks. */
async function threeWeeks(seed: number, maxUsers: number) {
  const rng = draws(seed);
  const edges = [
    await HistoryEdge.open('edge-1', maxUsers, 200_000),
    await HistoryEdge.open('edge-2', maxUsers, 200_000),
  ];
  const due: { atMs: number; edge: HistoryEdge; kind: NoticeKind; token: string }[] = [];
  const later = (edge: HistoryEdge, kind: NoticeKind, token: string, atMs: number): void => {
    due.push({ atMs, edge, kind, token });
    // Exchanges and browsers repeat themselves, at once or after hours.
    if (rng() < 0.15) due.push({ atMs: atMs + (rng() < 0.5 ? 0 : rng() * 8 * HOUR_MS), edge, kind, token });
  };
  let nowMs = START_MS;
  for (let n = 0; n < DECISIONS; n += 1) {
    // Bursts within a millisecond, and nights.
    nowMs += rng() < 0.1 ? 0 : rng() < 0.002 ? 9 * HOUR_MS : rng() * 4 * MINUTE_MS;
    due.sort((a, b) => b.atMs - a.atMs);
    while (due.length > 0 && (due.at(-1)?.atMs ?? 0) <= nowMs) {
      const notice = due.pop() as (typeof due)[number];
      notice.edge.nowMs = Math.max(notice.edge.nowMs, Math.floor(notice.atMs));
      notice.edge.hear(notice.kind, notice.token);
    }
    const edge = edges[n % 3 === 0 ? 1 : 0] as HistoryEdge;
    edge.nowMs = Math.max(edge.nowMs, Math.floor(nowMs));
    const token = edge.bid(userOf(rng));
    const billAtMs = nowMs + (rng() < 0.9 ? rng() * 3 * MINUTE_MS : rng() * 30 * HOUR_MS);
    if (rng() < 0.7) later(edge, 'bill', token, billAtMs);
    if (rng() < 0.5) later(edge, rng() < 0.5 ? 'win' : 'loss', token, nowMs + 100);
    if (rng() < 0.15) later(edge, 'click', token, billAtMs + rng() * 20 * HOUR_MS);
    if (rng() < 0.001) edge.setClock(-Math.floor(rng() * 5000));
    if (n % 200 === 0) await edge.settle();
    if (n % 1500 === 700) await edge.restart();
  }
  const all = await Promise.all(edges.map((edge) => edge.rows()));
  const evictions = edges.reduce((sum, edge) => sum + edge.evictions, 0);
  for (const edge of edges) await edge.close();
  return {
    decisions: all.flatMap(({ decisions }) => decisions),
    outcomes: all.flatMap(({ outcomes }): OutcomeFact[] => outcomes),
    evictions,
  };
}

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
