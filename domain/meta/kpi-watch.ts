/** Sums of one scope in one window; null where nobody counts it there. Money in nanos. */
export interface WatchSums {
  eligible: number | null;
  bids: number;
  wins: number;
  impressions: number;
  clicks: number;
  conversions: number;
  valueNanos: number;
  spendNanos: number;
  repeats: number | null;
  decisions: number | null;
  fallbacks: number | null;
  plannedNanos: number | null;
}

/** What is watched, of a fleet, a campaign or a segment. Null = cannot be said. */
export interface WatchedKpis {
  /** Advertiser spend billed, nanos per 1,000 eligible requests (per 1,000 bids where requests are not counted). */
  revenueNanosPerMille: number | null;
  cpaNanos: number | null;
  roi: number | null;
  spendToPlan: number | null;
  winRate: number | null;
  ctr: number | null;
  repeatExposure: number | null;
  fallbackShare: number | null;
}

/** One scope with its KPIs now, before, and what is wrong. */
export interface WatchedScope {
  scope: 'fleet' | 'campaign' | 'segment';
  id: string;
  now: WatchedKpis;
  before: WatchedKpis;
  alerts: KpiAlert[];
}

export interface KpiAlert {
  kpi: keyof WatchedKpis;
  /** Relative change against the window before, or distance from the limit. */
  effect: number;
  /** In standard errors; null where a limit is broken rather than a change seen. */
  standardErrors: number | null;
  reason: string;
}

const ratio = (numerator: number | null, denominator: number | null): number | null =>
  numerator === null || denominator === null || !(denominator > 0) ? null : numerator / denominator;

/** KPIs of a window's sums. */
export function kpisOf(sums: WatchSums): WatchedKpis {
  const perMille = ratio(sums.spendNanos, sums.eligible ?? sums.bids);
  return {
    revenueNanosPerMille: perMille === null ? null : perMille * 1000,
    cpaNanos: ratio(sums.spendNanos, sums.conversions),
    roi: ratio(sums.valueNanos, sums.spendNanos),
    spendToPlan: ratio(sums.spendNanos, sums.plannedNanos),
    winRate: ratio(sums.wins, sums.bids),
    ctr: ratio(sums.clicks, sums.impressions),
    repeatExposure: ratio(sums.repeats, sums.impressions),
    fallbackShare: ratio(sums.fallbacks, sums.decisions),
  };
}

/** A change worth saying: relative size and significance both, and enough events to speak. */
const CHANGE = { share: 0.15, standardErrors: 4, minEvents: 100 };
const LIMITS = { fallbackShare: 0.2, spendToPlanHigh: 1.2, spendToPlanLow: 0.8, repeatExposure: 0.25 };

/** Counted ratios: their events decide how sure a change is. `worse` says which way is bad. */
const COUNTED: {
  kpi: keyof WatchedKpis;
  events: keyof WatchSums;
  trials: keyof WatchSums;
  worse: 'down' | 'up';
}[] = [
  { kpi: 'winRate', events: 'wins', trials: 'bids', worse: 'down' },
  { kpi: 'ctr', events: 'clicks', trials: 'impressions', worse: 'down' },
  { kpi: 'roi', events: 'clicks', trials: 'spendNanos', worse: 'down' },
  { kpi: 'cpaNanos', events: 'conversions', trials: 'spendNanos', worse: 'down' },
  { kpi: 'revenueNanosPerMille', events: 'wins', trials: 'bids', worse: 'down' },
  { kpi: 'fallbackShare', events: 'fallbacks', trials: 'decisions', worse: 'up' },
  { kpi: 'repeatExposure', events: 'repeats', trials: 'impressions', worse: 'up' },
];

/** Compares two windows of one scope. A window without enough events raises nothing: no data is no news. */
export function watchScope(scope: WatchedScope['scope'], id: string, now: WatchSums, before: WatchSums): WatchedScope {
  const watched = { scope, id, now: kpisOf(now), before: kpisOf(before) };
  const changes = COUNTED.flatMap((counted) => changeOf(counted, watched, now, before));
  return { ...watched, alerts: [...changes, ...limitsOf(watched.now, now)] };
}

function changeOf(
  { kpi, events, trials, worse }: (typeof COUNTED)[number],
  watched: Pick<WatchedScope, 'now' | 'before'>,
  now: WatchSums,
  before: WatchSums,
): KpiAlert[] {
  const [value, former] = [watched.now[kpi], watched.before[kpi]];
  const [seen, seenBefore, of, ofBefore] = [now[events], before[events], now[trials], before[trials]];
  if (value === null || former === null || !(former > 0)) return [];
  if (seen === null || seenBefore === null || !of || !ofBefore || seenBefore < CHANGE.minEvents) return [];
  const expected = (seenBefore / ofBefore) * of;
  if (expected < CHANGE.minEvents) return [];
  // Effect from the KPI itself, significance from its counted events.
  const effect = value / former - 1;
  const z = (seen - expected) / Math.sqrt(expected * (1 + of / ofBefore));
  const isWorse = worse === 'down' ? z < 0 : z > 0;
  if (!isWorse || Math.abs(effect) < CHANGE.share || Math.abs(z) < CHANGE.standardErrors) return [];
  const reason = `${kpi} went from ${former.toPrecision(3)} to ${value.toPrecision(3)} (${(effect * 100).toFixed(1)} %, ${Math.abs(z).toFixed(1)} standard errors)`;
  return [{ kpi, effect, standardErrors: Math.abs(z), reason }];
}

function limitsOf(now: WatchedKpis, sums: WatchSums): KpiAlert[] {
  const broken: [keyof WatchedKpis, number | null, number, boolean][] = [
    ['fallbackShare', now.fallbackShare, LIMITS.fallbackShare, (now.fallbackShare ?? 0) > LIMITS.fallbackShare],
    ['spendToPlan', now.spendToPlan, LIMITS.spendToPlanHigh, (now.spendToPlan ?? 1) > LIMITS.spendToPlanHigh],
    ['spendToPlan', now.spendToPlan, LIMITS.spendToPlanLow, (now.spendToPlan ?? 1) < LIMITS.spendToPlanLow],
    ['repeatExposure', now.repeatExposure, LIMITS.repeatExposure, (now.repeatExposure ?? 0) > LIMITS.repeatExposure],
  ];
  return broken.flatMap(([kpi, value, limit, isBroken]) => {
    if (value === null || !isBroken || sums.impressions < CHANGE.minEvents) return [];
    const reason = `${kpi} is ${value.toPrecision(3)}, limit ${limit}`;
    return [{ kpi, effect: value / limit - 1, standardErrors: null, reason }];
  });
}
