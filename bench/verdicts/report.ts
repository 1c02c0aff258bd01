import type { Machine } from '../machine';
import { spreadOf } from '../statistic';
import type { Plant } from './plants';
import type { ScenarioRuns } from './run-scenarios';
import type { Bound } from './scenarios';

/** A share of runs with its 95 % interval (Wilson). */
export interface Share {
  share: number;
  low: number;
  high: number;
}

/** One scenario's figures; bounds are held against the share itself. */
export interface ScenarioFigures {
  name: string;
  says: string;
  runs: number;
  promoted: Share;
  rolledBack: Share;
  undecided: Share;
  /** Share of the rollbacks that the catastrophe lane did. */
  byLane: number;
  naiveRollsBack: Share;
  peekingPromotes: Share;
  medianLooks: number;
  primaryPerSecond: number;
  /** What the planner promised at this traffic. */
  planned: { nonInferior: number; inferior: number };
  bounds: (Bound & { share: number; isMet: boolean })[];
}

export interface VerdictReport {
  measuredAt: string;
  seed: number;
  plant: Plant | null;
  seconds: number;
  machine: Machine;
  isMet: boolean;
  scenarios: ScenarioFigures[];
}

const Z = 1.959963984540054;

function shareOf(hits: number, n: number): Share {
  const share = hits / n;
  const centre = (share + Z ** 2 / (2 * n)) / (1 + Z ** 2 / n);
  const half = (Z / (1 + Z ** 2 / n)) * Math.sqrt((share * (1 - share)) / n + Z ** 2 / (4 * n ** 2));
  return { share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/** Figures of one scenario's runs. */
export function figuresOf({ scenario, traffic, runs }: ScenarioRuns): ScenarioFigures {
  const count = (is: (run: (typeof runs)[number]) => boolean) => runs.filter(is).length;
  const ends = (end: Bound['of']) =>
    shareOf(
      count((run) => run.end === end),
      runs.length,
    );
  const rolledBack = ends('rolled-back');
  const bounds = scenario.bounds.map((bound) => {
    const { share } = ends(bound.of);
    return { ...bound, share, isMet: share >= (bound.least ?? 0) && share <= (bound.most ?? 1) };
  });
  return {
    name: scenario.name,
    says: scenario.says,
    runs: runs.length,
    promoted: ends('promoted'),
    rolledBack,
    undecided: ends('undecided'),
    byLane: rolledBack.share > 0 ? count((run) => run.byLane) / (rolledBack.share * runs.length) : 0,
    naiveRollsBack: shareOf(
      count((run) => run.naiveRollsBack),
      runs.length,
    ),
    peekingPromotes: shareOf(
      count((run) => run.peekingPromotes),
      runs.length,
    ),
    medianLooks: spreadOf(runs.map(({ looks }) => looks)).median,
    primaryPerSecond: traffic.primaryPerSecond,
    planned: { nonInferior: traffic.feasibility.nonInferiorShare, inferior: traffic.feasibility.inferiorShare },
    bounds,
  };
}

const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
const cell = ({ share, low, high }: Share): string => `${percent(share)} (${percent(low)} – ${percent(high)})`;
const NAMES: Record<Bound['of'], string> = {
  promoted: 'promoted',
  'rolled-back': 'rolled back',
  undecided: 'undecided',
};

function boundText({ of, least, most, share, isMet }: ScenarioFigures['bounds'][number]): string {
  const limit = least !== undefined ? `>= ${percent(least)}` : `<= ${percent(most ?? 1)}`;
  return `${NAMES[of]} ${limit}: ${isMet ? 'met' : `MISSED, ${percent(share)}`}`;
}

/** `docs/verdicts.md`. */
export function verdictDocument(report: VerdictReport): string {
  const { machine, scenarios } = report;
  const [{ runs }] = scenarios as [ScenarioFigures];
  return [
    '# Error rates of the verdicts',
    '',
    'Written by `npm run bench -- verdicts --json`; never by hand. Every row is so many simulated rollouts, looked at once per time',
    'bucket of 2 h, 48 looks a stage at most. Users differ in requests and in click rate, return in every time bucket and keep their habits; a',
    'user bucket is the sum of its users. Labels arrive 0, 1 or 2 time buckets late and mature after one. The rows go through the',
    'production fold, planner, verdict (CUPED on one day of the past), catastrophe lane and step rules. In brackets: 95 % interval (Wilson).',
    '',
    `Seed ${report.seed}, ${runs} rollouts a row, ${machine.cores} cores (${machine.cpu}), Node ${machine.node}, commit ${machine.commit}, ` +
      `${report.measuredAt}${report.plant ? `, planted: ${report.plant}` : ''}.`,
    '',
    '| truth | promoted | rolled back | undecided at the horizon | median looks | bounds |',
    '|---|---|---|---|---|---|',
    ...scenarios.map(
      (s) =>
        `| ${s.says} | ${cell(s.promoted)} | ${cell(s.rolledBack)} | ${cell(s.undecided)} | ${s.medianLooks} | ${s.bounds.map(boundText).join('; ')} |`,
    ),
    '',
    'The same looks by rules that this product does not use: rolling back when the estimate is below −5 %, and promoting when a',
    'fixed-sample test (z > 1.645) says non-inferior at any look. And by what the planner promised at the traffic of the row, the least of a ladder',
    'of 25 % a rung that it calls feasible (>= 95 % at effect 0 and at −10 %).',
    '',
    '| truth | naive rule rolls back | peeking promotes | rollbacks by the catastrophe lane | primary events/s | planner: non-inferior at 0 | planner: inferior at −10 % |',
    '|---|---|---|---|---|---|---|',
    ...scenarios.map(
      (s) =>
        `| ${s.says} | ${cell(s.naiveRollsBack)} | ${cell(s.peekingPromotes)} | ${percent(s.byLane)} | ${s.primaryPerSecond.toFixed(2)} | ` +
        `${percent(s.planned.nonInferior)} | ${percent(s.planned.inferior)} |`,
    ),
    '',
    'Two mistakes can be planted and make the bench fail (exit code 1): `--plant per-bucket-variance` takes every time bucket of a user bucket',
    'as a unit of its own, `--plant pooled-stages` adds the arms up over stages.',
    '',
  ].join('\n');
}
