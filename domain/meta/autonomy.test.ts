import { ZoneClock } from '../calendar/zone-clock';
import { dispositionOf, isRaise, lowered, riseOf, startAutonomy, type AgentAutonomy } from './autonomy';
import { kpisOf, watchScope, type WatchSums } from './kpi-watch';
import { plannedShare } from './planned-share';
import { sayAct, subjectOf } from './proposal';

const DAY = 86_400_000;
const autonomy = (changes: Partial<AgentAutonomy> = {}): AgentAutonomy => ({
  level: 'L2',
  overrideBps: 5000,
  cleanSinceMs: 0,
  accepted: 5,
  ...changes,
});

describe('autonomy', () => {
  it('maps its four levels to what becomes of an action', () => {
    expect((['L0', 'L1', 'L2', 'L3'] as const).map(dispositionOf)).toEqual([
      'suggest',
      'await-approval',
      'await-veto',
      'act',
    ]);
    expect(startAutonomy().bid).toMatchObject({ level: 'L2', overrideBps: 10_000 });
  });

  it('drops one level at once, to the lowest at last, and its evidence starts anew', () => {
    expect(lowered(autonomy(), 9)).toEqual({ level: 'L1', overrideBps: 5000, cleanSinceMs: 9, accepted: 0 });
    expect(lowered(autonomy({ level: 'L0' }), 9).level).toBe('L0');
  });

  it('rises by evidence only: a clean week and five accepted actions', () => {
    expect(riseOf(autonomy(), 7 * DAY)).toMatchObject({ level: 'L3', overrideBps: 6000 });
    expect(riseOf(autonomy(), 7 * DAY - 1)).toBeNull();
    expect(riseOf(autonomy({ accepted: 4 }), 30 * DAY)).toBeNull();
    expect(riseOf(autonomy({ cleanSinceMs: null }), 30 * DAY)).toBeNull();
    expect(riseOf(autonomy({ level: 'L3', overrideBps: 10_000 }), 30 * DAY)).toBeNull();
    expect(riseOf(autonomy({ level: 'L3', overrideBps: 9500 }), 30 * DAY)).toMatchObject({ overrideBps: 10_000 });
  });

  it('knows a raise from a cut', () => {
    expect(isRaise(autonomy(), { level: 'L3' })).toBe(true);
    expect(isRaise(autonomy(), { overrideBps: 5001 })).toBe(true);
    expect(isRaise(autonomy(), { level: 'L1', overrideBps: 6000 })).toBe(true);
    expect(isRaise(autonomy(), { level: 'L2', overrideBps: 100 })).toBe(false);
  });

  it('names the subject of a proposal, so that the same wish does not wait twice', () => {
    const step = { kind: 'step' as const, campaignId: 'c', weight: 'kMax' as const, from: 3, to: 2.9, reason: '' };
    const before = { impressions: 1, goalEvents: 1, spendNanos: 1 };
    expect(subjectOf({ kind: 'weight', step: { ...step, before } })).toBe('weight/c/kMax');
    expect(sayAct({ kind: 'weight', step: { ...step, before } })).toBe('kMax of c from 3.000 to 2.900');
    expect(subjectOf({ kind: 'retrain', agent: 'bid', windowSeconds: 60 })).toBe('retrain/bid');
    expect(sayAct({ kind: 'autonomy', agent: 'bid', level: 'L3', overrideBps: 5000 })).toBe(
      'bid to L3, 50 % of decisions',
    );
    expect(subjectOf({ kind: 'autonomy', agent: 'bid', level: 'L3', overrideBps: 5000 })).toBe('autonomy/bid');
    expect(sayAct({ kind: 'retrain', agent: 'bid', windowSeconds: 60 })).toBe('retrain bid');
  });
});

const sums = (changes: Partial<WatchSums> = {}): WatchSums => ({
  eligible: 8000,
  bids: 6000,
  wins: 2000,
  impressions: 1900,
  clicks: 400,
  conversions: 150,
  valueNanos: 120e8,
  spendNanos: 90e8,
  repeats: 190,
  decisions: 6000,
  fallbacks: 300,
  plannedNanos: 100e8,
  ...changes,
});

describe('KPI watch', () => {
  it('says all eight KPIs, and null where nobody counts', () => {
    const known = kpisOf(sums());
    expect(known.revenueNanosPerMille).toBeCloseTo(1_125_000_000, 3);
    expect(known).toMatchObject({ cpaNanos: 6e7, roi: 4 / 3, spendToPlan: 0.9, winRate: 1 / 3, repeatExposure: 0.1 });
    expect(known.fallbackShare).toBe(0.05);
    expect(kpisOf(sums({ repeats: null, decisions: null, plannedNanos: null, conversions: 0 }))).toMatchObject({
      repeatExposure: null,
      fallbackShare: null,
      spendToPlan: null,
      cpaNanos: null,
    });
  });

  it('raises what is large and significant, or breaks a limit, and nothing without events', () => {
    expect(watchScope('fleet', 'f', sums(), sums()).alerts).toEqual([]);
    const fallen = watchScope('campaign', 'c', sums({ wins: 1500 }), sums()).alerts.map((alert) => alert.kpi);
    expect(fallen).toEqual(['winRate']);
    expect(watchScope('campaign', 'c', sums({ clicks: 380 }), sums()).alerts).toEqual([]);
    const worse = watchScope('segment', 's', sums({ repeats: 800, fallbacks: 1500, spendNanos: 140e8 }), sums()).alerts;
    expect(new Set(worse.map((alert) => alert.kpi))).toEqual(
      new Set(['fallbackShare', 'repeatExposure', 'spendToPlan', 'roi']),
    );
    const few = sums({ wins: 10, bids: 60, impressions: 9, clicks: 0, conversions: 0, fallbacks: 3, repeats: 1 });
    expect(watchScope('fleet', 'f', few, sums()).alerts).toEqual([]);
  });
});

describe('planned share of a window', () => {
  const MONDAY = Date.UTC(2026, 10, 23);
  const even = Array.from({ length: 168 }, () => 1 / 168);

  it('is the window’s part of the day’s traffic, in the campaign’s time zone and hours', () => {
    expect(plannedShare(new ZoneClock('UTC'), even, [], MONDAY, MONDAY + 1_800_000)).toBeCloseTo(1 / 48, 12);
    const evening = even.map((share, hour) => (hour % 24 === 20 ? 5 * share : share));
    const eight = MONDAY + 20 * 3_600_000;
    expect(plannedShare(new ZoneClock('UTC'), evening, [], eight, eight + 1_800_000)).toBeCloseTo(2.5 / 28, 12);
    const berlin = new ZoneClock('Europe/Berlin');
    expect(plannedShare(berlin, evening, [], eight - 3_600_000, eight - 1_800_000)).toBeCloseTo(2.5 / 28, 12);
    expect(plannedShare(new ZoneClock('UTC'), even, [20], MONDAY, MONDAY + 1_800_000)).toBe(0);
    expect(plannedShare(new ZoneClock('UTC'), even, [20], eight, eight + 1_800_000)).toBeCloseTo(0.5, 12);
  });
});
