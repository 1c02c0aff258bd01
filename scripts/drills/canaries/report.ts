import { textTable } from '../text-table';
import type { CanaryLife } from './canary-life';
import type { Exposure } from './exposure';
import type { BadKind, CanaryKind } from './planted';

/** One canary of the drill, in the report. */
export interface CanaryRow {
  name: string;
  kind: CanaryKind;
  size: string;
  /** Relative change of value and of spend by the simulator; null where it cannot tell. */
  trueValueEffect: number | null;
  trueSpendEffect: number | null;
  life: CanaryLife;
  exposure: Exposure;
}

export interface CanariesReport {
  drill: 'canaries';
  passed: boolean;
  faults: string[];
  seed: number;
  edges: number;
  bad: number;
  caught: number;
  healthy: number;
  rolledBackHealthy: number;
  worstExposure: number;
  worstTimeToSafeMs: number;
  worstLastDecisionMs: number;
  rows: (CanaryRow & { caughtBy: string | null; secondsToVerdict: number | null })[];
}

/** The bounds of the issue. */
export const LARGEST_EXPOSURE = 0.05;
export const LONGEST_TO_SAFE_MS = 5000;
const EDGES = 3;

/** Who ended a canary, from the reason that the rollout gives; null when nobody but the drill did. */
export function caughtBy({ state, reason, verdict }: CanaryLife): string | null {
  if (state === 'never-served' || state === 'rejected') return 'shadow';
  if (state !== 'rolled-back') return null;
  if (reason.startsWith('guardrail:')) return `guard: ${metricOf(reason)}`;
  if (reason.includes('proven worse than')) return 'catastrophe lane: value';
  if (reason.includes('in a row')) return `catastrophe lane: ${metricOf(reason)}`;
  return verdict === 'inferior' ? `verdict: ${metricOf(reason)}` : `other: ${verdict ?? 'none'}`;
}

const METRICS = [
  'fallbackShare',
  'errorShare',
  'lateShare',
  'spendToPlan',
  'latencyMsP99',
  'cpc',
  'ctr',
  'roi',
  'value',
];
const metricOf = (reason: string): string => METRICS.find((metric) => reason.includes(metric)) ?? 'unnamed';

/** Judges the rows by the bounds. */
export function judgeCanaries(
  options: { seed: number; kinds: readonly BadKind[]; sizes: number },
  rows: readonly CanaryRow[],
): CanariesReport {
  const faults: string[] = [];
  const must = (holds: boolean, what: string) => void (holds || faults.push(what));
  const judged = rows.map((row) => {
    const { life, exposure } = row;
    const verdictAtMs = life.safe?.verdictAtMs ?? null;
    const from = exposure.firstAtMs;
    const secondsToVerdict = verdictAtMs === null || from === null ? null : (verdictAtMs - from) / 1000;
    return { ...row, caughtBy: caughtBy(life), secondsToVerdict };
  });
  const bad = judged.filter(({ kind }) => kind !== 'healthy');
  const healthy = judged.filter(({ kind }) => kind === 'healthy');
  const expected = options.kinds.length * options.sizes;
  must(
    bad.length === expected && healthy.length === expected,
    `${bad.length} bad and ${healthy.length} healthy canaries`,
  );
  for (const { name, size, life, caughtBy: by } of bad)
    must(by !== null && by !== 'shadow', `${name} (${size}) was not caught as a canary: ${life.state}, ${life.reason}`);
  for (const { name, life, caughtBy: by } of healthy) {
    must(by === null, `healthy ${name} was ended by ${by}: ${life.reason}`);
    must(life.endedByDrill || life.state === 'promoted', `healthy ${name} ended ${life.state}: ${life.reason}`);
  }
  for (const { name, life, exposure } of judged) {
    if (life.state === 'never-served') continue;
    must(exposure.canary > 0, `${name} decided nothing: there was nothing to catch`);
    must(exposure.edges.length === EDGES, `${name} was served by ${exposure.edges.join(', ') || 'no edge'} only`);
    must(exposure.share <= LARGEST_EXPOSURE, `${name} had ${(100 * exposure.share).toFixed(2)} % of the traffic`);
    if (life.state === 'promoted') continue;
    must(
      life.safe?.acknowledged.length === EDGES && life.safe.stragglers.length === 0,
      `${name}: not every edge said that it is safe`,
    );
    must(
      (life.safe?.timeToSafeMs ?? Infinity) <= LONGEST_TO_SAFE_MS,
      `${name} was safe after ${life.safe?.timeToSafeMs} ms`,
    );
    must(
      lastDecisionMs(life, exposure) <= LONGEST_TO_SAFE_MS,
      `${name} decided ${lastDecisionMs(life, exposure)} ms after its verdict`,
    );
  }
  return {
    drill: 'canaries',
    passed: faults.length === 0,
    faults,
    seed: options.seed,
    edges: EDGES,
    bad: bad.length,
    caught: bad.filter(({ caughtBy: by }) => by !== null && by !== 'shadow').length,
    healthy: healthy.length,
    rolledBackHealthy: healthy.filter(({ caughtBy: by }) => by !== null).length,
    worstExposure: Math.max(0, ...judged.map(({ exposure }) => exposure.share)),
    worstTimeToSafeMs: Math.max(0, ...judged.map(({ life }) => life.safe?.timeToSafeMs ?? 0)),
    worstLastDecisionMs: Math.max(0, ...judged.map(({ life, exposure }) => lastDecisionMs(life, exposure))),
    rows: judged,
  };
}

/** From the verdict to the canary's very last decision on any edge, by the edge's record; 0 when it was earlier. */
function lastDecisionMs({ safe }: CanaryLife, { lastAtMs }: Exposure): number {
  return safe === null || lastAtMs === null ? 0 : Math.max(0, lastAtMs - safe.verdictAtMs);
}

const percent = (share: number | null): string =>
  share === null ? '-' : `${share >= 0 ? '+' : ''}${(100 * share).toFixed(1)} %`;

/** One line a canary, and the sums. */
export function canariesTable(report: CanariesReport): string {
  const rows = report.rows.map((row) => [
    row.name,
    row.size,
    percent(row.trueValueEffect),
    percent(row.trueSpendEffect),
    row.caughtBy ?? (row.life.endedByDrill ? 'survived' : row.life.state),
    row.secondsToVerdict === null ? '-' : `${row.secondsToVerdict.toFixed(0)} s`,
    `${row.exposure.canary} of ${row.exposure.all}`,
    `${(100 * row.exposure.share).toFixed(2)} %`,
    row.life.safe === null ? '-' : `${row.life.safe.timeToSafeMs} ms`,
    String(row.life.quarantinedOn.length),
  ]);
  const heads = [
    'canary',
    'size',
    'true value',
    'true spend',
    'ended by',
    'to verdict',
    'decisions',
    'exposure',
    'to safe',
    'quarantines',
  ];
  return [
    `${report.caught} of ${report.bad} bad canaries caught, ${report.rolledBackHealthy} of ${report.healthy} healthy ones rolled back; ` +
      `exposure at most ${(100 * report.worstExposure).toFixed(2)} %, verdict to safe at most ${report.worstTimeToSafeMs} ms on ${report.edges} edges`,
    '',
    textTable(heads, rows),
  ].join('\n');
}
