import { SRM_ALARM_P } from '#domain/evaluation/sample-ratio';
import type { Markup } from '#domain/markup';
import type { ReportLook, ReportMetric, RolloutReport } from './report-schema';
import { linearTicks, svgPlot, timeTicks, type Mark, type Plot } from './svg-plot';

/** Size of a plot: `wide` spans the page of a desk, `narrow` a telephone or one column. */
export type PlotSize = 'wide' | 'narrow';

const SIZES = { wide: { width: 1160, height: 320, xTicks: 12 }, narrow: { width: 360, height: 210, xTicks: 4 } };
/** More looks than this are thinned out before drawing. */
const MAX_POINTS = 400;

export const percent = (share: number): string => `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)} %`;

/** At most `MAX_POINTS` looks: the last of all and of each stage, every change of verdict, and evenly spaced others. */
export function thinned(looks: readonly ReportLook[]): ReportLook[] {
  const every = Math.max(1, Math.ceil(looks.length / MAX_POINTS));
  return looks.filter((look, at) => {
    const next = looks.at(at + 1);
    const isLast = next === undefined || at === looks.length - 1 || next.stage !== look.stage;
    return isLast || at % every === 0 || looks[at - 1]?.verdict !== look.verdict;
  });
}

const metricOf = (look: ReportLook, metric: string): ReportMetric | undefined =>
  look.metrics.find((candidate) => candidate.metric === metric);

function frame(report: RolloutReport, size: PlotSize): Pick<Plot, 'width' | 'height' | 'x'> {
  const { width, height, xTicks } = SIZES[size];
  const from = report.stages[0]?.openedAtMs ?? report.looks[0]?.atMs ?? 0;
  const to = Math.max(from + 1000, report.looks.at(-1)?.atMs ?? 0);
  return { width, height, x: { from, to, ticks: timeTicks(from, to, xTicks) } };
}

/** Where each stage began, named by its share. */
const stageMoments = ({ stages }: RolloutReport): Mark[] =>
  stages.map(({ openedAtMs, shareBps }) => ({
    kind: 'moment',
    x: openedAtMs,
    text: `${Number((shareBps / 100).toFixed(2))} %`,
    tone: 'soft',
  }));

/** Relative effect of a tested metric with its anytime bounds and the margin; null when it was never measured. */
export function effectPlot(report: RolloutReport, name: string, size: PlotSize): Markup | null {
  const points = thinned(report.looks).flatMap((look) => {
    const metric = metricOf(look, name);
    const found = metric?.effect;
    return metric && found ? [{ x: look.atMs, look, metric, found }] : [];
  });
  const [first] = points;
  const last = points.at(-1);
  if (first === undefined || last === undefined) return null;
  const { margin, better } = last.metric;
  const limit = better === 'higher' ? -margin : margin;
  // Bounds of the first looks reach far out; they are cut off rather than hide the rest.
  const late = points.slice(Math.floor(points.length / 3));
  const values = [
    0,
    limit,
    ...late.flatMap(({ found }) => [found.lower, found.upper]),
    ...points.map(({ found }) => found.effect),
  ];
  const y = paddedRange(values, -1, 1.5);
  const label =
    `${name}: relative effect of the candidate per look with bounds that hold at every look. At the last look ` +
    `${percent(last.found.effect)}, bounds ${percent(last.found.lower)} to ${percent(last.found.upper)}, margin ${percent(limit)}.`;
  return svgPlot({
    ...frame(report, size),
    id: `effect-${name}-${size}`,
    label,
    y: { ...y, ticks: linearTicks(y.from, y.to, size === 'wide' ? 6 : 4).map((at) => ({ at, text: percent(at) })) },
    marks: [
      {
        kind: 'band',
        points: points.map(({ x, found }) => ({ x, low: found.lower, high: found.upper })),
        tone: 'canary',
      },
      { kind: 'line', points: points.map(({ x, found }) => ({ x, y: found.effect })), tone: 'canary' },
      ...points.filter(changedVerdict).map(({ x, look, found }): Mark => {
        const text = `stage ${look.stage} look ${look.look}: ${look.verdict}. ${look.reason}`;
        return { kind: 'dot', x, y: found.effect, tone: 'canary', text };
      }),
      { kind: 'level', y: 0, text: '', tone: 'control' },
      { kind: 'level', y: limit, text: `margin ${percent(limit)}`, tone: 'limit' },
      ...stageMoments(report),
    ],
  });
}

const changedVerdict = ({ look }: { look: ReportLook }, at: number, all: readonly { look: ReportLook }[]): boolean =>
  at === all.length - 1 || all[at - 1]?.look.verdict !== look.verdict;

/** A metric of the catastrophe lane: both arms and the limit, in its unit. */
export function lanePlot(report: RolloutReport, name: string): Markup | null {
  const points = thinned(report.looks).flatMap((look) => {
    const metric = metricOf(look, name);
    return metric && metric.verdict !== 'no-data' ? [{ x: look.atMs, metric }] : [];
  });
  const last = points.at(-1);
  if (last === undefined) return null;
  const { scale, unit } = last.metric;
  const line = (of: (metric: ReportMetric) => number | null) =>
    points.flatMap(({ x, metric }) => {
      const value = of(metric);
      return value === null ? [] : [{ x, y: value * scale }];
    });
  const lines = { canary: line((m) => m.canary), control: line((m) => m.control), limit: line((m) => m.limit) };
  const y = paddedRange([0, ...Object.values(lines).flatMap((all) => all.map((point) => point.y))], 0, Infinity);
  const show = (value: number) => Number(value.toPrecision(3)).toString();
  return svgPlot({
    ...frame(report, 'narrow'),
    id: `lane-${name}`,
    label: `${name} per look: canary ${show(last.metric.canary * scale)}, control ${show(last.metric.control * scale)} ${unit} at the last look.`,
    y: { ...y, ticks: linearTicks(y.from, y.to, 4).map((at) => ({ at, text: show(at) })) },
    marks: [
      { kind: 'line', points: lines.limit, tone: 'limit', isDashed: true },
      { kind: 'line', points: lines.control, tone: 'control' },
      { kind: 'line', points: lines.canary, tone: 'canary' },
      ...stageMoments(report),
    ],
  });
}

/** Sequential p of the sample ratio; below the alarm no comparison can be trusted. */
export function srmPlot(report: RolloutReport): Markup | null {
  const looks = thinned(report.looks);
  const last = looks.at(-1);
  if (last === undefined) return null;
  const least = Math.min(...looks.map(({ srmP }) => srmP));
  const from = 10 ** Math.floor(Math.log10(Math.max(1e-12, Math.min(1e-4, least))));
  const powers = Math.round(-Math.log10(from));
  const ticks = Array.from({ length: powers + 1 }, (_, n) => n).filter((n) => powers <= 5 || n % 3 === 0);
  return svgPlot({
    ...frame(report, 'narrow'),
    id: 'srm',
    label: `Sample ratio: least sequential p is ${least.toPrecision(2)}; the alarm is below ${SRM_ALARM_P}.`,
    y: { from, to: 1.6, isLog: true, ticks: ticks.map((n) => ({ at: 10 ** -n, text: n === 0 ? '1' : `1e-${n}` })) },
    marks: [
      { kind: 'line', points: looks.map(({ atMs, srmP }) => ({ x: atMs, y: srmP })), tone: 'canary' },
      { kind: 'level', y: SRM_ALARM_P, text: `alarm below ${SRM_ALARM_P}`, tone: 'limit' },
      ...stageMoments(report),
    ],
  });
}

/** Decisions or primary events of both arms, added up over the stages. */
export function samplePlot(report: RolloutReport, of: 'decisions' | 'primaryEvents'): Markup | null {
  const points = cumulative(report.looks, of);
  const last = points.at(-1);
  if (last === undefined) return null;
  const kept = new Set(thinned(report.looks).map(({ atMs }) => atMs));
  const drawn = points.filter(({ x }) => kept.has(x));
  const y = paddedRange([0, last.canary, last.control], 0, Infinity);
  return svgPlot({
    ...frame(report, 'narrow'),
    id: `sample-${of}`,
    label: `${of === 'decisions' ? 'Decisions' : 'Primary events'} so far: canary ${last.canary}, control ${last.control}.`,
    y: { ...y, ticks: linearTicks(y.from, y.to, 4).map((at) => ({ at, text: short(at) })) },
    marks: [
      { kind: 'line', points: drawn.map(({ x, control }) => ({ x, y: control })), tone: 'control' },
      { kind: 'line', points: drawn.map(({ x, canary }) => ({ x, y: canary })), tone: 'canary' },
      ...stageMoments(report),
    ],
  });
}

/** Sums over stages: each look counts its own stage, on top of what earlier stages ended with. */
export function cumulative(looks: readonly ReportLook[], of: 'decisions' | 'primaryEvents') {
  const before = { canary: 0, control: 0 };
  return looks.map((look, at) => {
    const previous = looks.at(at - 1);
    if (at > 0 && previous !== undefined && previous.stage !== look.stage) {
      before.canary += previous[of].canary;
      before.control += previous[of].control;
    }
    return { x: look.atMs, canary: before.canary + look[of].canary, control: before.control + look[of].control };
  });
}

/** Share of users over the whole rollout; events are numbered as in the list below it. */
export function sharePlot(report: RolloutReport, size: PlotSize): Markup {
  const { rollout, generatedAt, events } = report;
  const { width, height, xTicks } = SIZES[size];
  const from = Date.parse(rollout.createdAt);
  const to = Math.max(from + 1000, Date.parse(rollout.endedAt ?? generatedAt), events.at(-1)?.atMs ?? 0);
  const steps = sharesOf(report);
  const line = (of: 'canaryBps' | 'shadowBps') => [
    { x: from, y: 0 },
    ...steps.map((step) => ({ x: step.atMs, y: step[of] / 100 })),
    { x: to, y: (steps.at(-1)?.[of] ?? 0) / 100 },
  ];
  const most = Math.max(1, ...steps.flatMap(({ canaryBps, shadowBps }) => [canaryBps / 100, shadowBps / 100]));
  return svgPlot({
    ...{ width, height: Math.round(height * 0.8) },
    id: `share-${size}`,
    label: `Share of users over time, at most ${Math.max(0, ...steps.map(({ canaryBps }) => canaryBps / 100))} % in the canary.`,
    x: { from, to, ticks: timeTicks(from, to, xTicks) },
    y: { from: 0, to: most * 1.1, ticks: linearTicks(0, most * 1.1, 4).map((at) => ({ at, text: `${short(at)} %` })) },
    marks: [
      { kind: 'line', points: line('shadowBps'), tone: 'control', isStep: true, isDashed: true },
      { kind: 'line', points: line('canaryBps'), tone: 'canary', isStep: true },
      ...numbered(events, (to - from) / (size === 'wide' ? 60 : 18)),
    ],
  });
}

/** Published shares; without snapshots (they may have been thrown away) what the looks say of their stages. */
function sharesOf({
  shares,
  stages,
  rollout,
}: RolloutReport): { atMs: number; canaryBps: number; shadowBps: number }[] {
  if (shares.length > 0) return shares;
  const opened = stages.map(({ openedAtMs, shareBps }) => ({ atMs: openedAtMs, canaryBps: shareBps, shadowBps: 0 }));
  const over =
    rollout.endedAt === null || opened.length === 0
      ? []
      : [{ atMs: Date.parse(rollout.endedAt), canaryBps: 0, shadowBps: 0 }];
  return [...opened, ...over];
}

/** One mark per moment; events closer together than `nearMs` share one: "3-5". */
function numbered(events: RolloutReport['events'], nearMs: number): Mark[] {
  const groups: { x: number; first: number; last: number }[] = [];
  events.forEach(({ atMs }, at) => {
    const group = groups.at(-1);
    if (group && atMs - group.x < nearMs) group.last = at + 1;
    else groups.push({ x: atMs, first: at + 1, last: at + 1 });
  });
  return groups.map(({ x, first, last }) => ({
    kind: 'moment',
    x,
    text: first === last ? `${first}` : `${first}-${last}`,
    tone: 'event',
  }));
}

/** Range of values with a tenth of room, within what is worth drawing. */
function paddedRange(values: readonly number[], least: number, most: number): { from: number; to: number } {
  const low = Math.max(least, Math.min(...values));
  const high = Math.min(most, Math.max(...values));
  const room = (high - low || Math.abs(high) || 1) / 10;
  return { from: low === 0 && least === 0 ? 0 : low - room, to: high + room };
}

/** 1,234,567 as "1.2 M". */
function short(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`;
  return String(Number(value.toPrecision(3)));
}
