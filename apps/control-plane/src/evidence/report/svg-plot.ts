import { html, type Markup } from '#domain/markup';

/** Colours by meaning; the style sheet gives each a value per scheme. */
export type Tone = 'canary' | 'control' | 'limit' | 'event' | 'soft';

export type Mark =
  /** Area between two bounds. */
  | { kind: 'band'; points: readonly { x: number; low: number; high: number }[]; tone: Tone }
  | { kind: 'line'; points: readonly { x: number; y: number }[]; tone: Tone; isStep?: boolean; isDashed?: boolean }
  /** Horizontal line with its name. */
  | { kind: 'level'; y: number; text: string; tone: Tone }
  /** Vertical line with its name. */
  | { kind: 'moment'; x: number; text: string; tone: Tone }
  | { kind: 'dot'; x: number; y: number; tone: Tone; text: string };

export interface Tick {
  at: number;
  text: string;
}

export interface Plot {
  /** Unique in the page, letters and digits. */
  id: string;
  /** What a reader who cannot see it is told. */
  label: string;
  width: number;
  height: number;
  x: { from: number; to: number; ticks: readonly Tick[] };
  y: { from: number; to: number; ticks: readonly Tick[]; isLog?: boolean };
  marks: readonly Mark[];
}

const LEFT = 52;
const RIGHT = 10;
const TOP = 14;
const BOTTOM = 22;

type Scale = (value: number) => number;

/** A plot as inline SVG: no script, no style of its own, every text escaped. */
export function svgPlot(plot: Plot): Markup {
  const { id, label, width, height } = plot;
  const [x, y] = scalesOf(plot);
  const right = width - RIGHT;
  const floor = height - BOTTOM;
  const yTicks = plot.y.ticks.map(
    ({ at, text }) =>
      html`<line class="grid" x1="${LEFT}" x2="${right}" y1="${px(y(at))}" y2="${px(y(at))}" /><text
          class="tick"
          x="${LEFT - 5}"
          y="${px(y(at) + 3.5)}"
          text-anchor="end"
        >
          ${text}
        </text>`,
  );
  const xTicks = plot.x.ticks.map(
    ({ at, text }, index) =>
      html`<text
        class="tick"
        x="${px(x(at))}"
        y="${height - 6}"
        text-anchor="${index === 0 ? 'start' : x(at) > right - 18 ? 'end' : 'middle'}"
      >
        ${text}
      </text>`,
  );
  const inside = plot.marks.filter(({ kind }) => kind === 'band' || kind === 'line' || kind === 'dot');
  const over = plot.marks.filter(({ kind }) => kind === 'level' || kind === 'moment');
  return html`<svg
    viewBox="0 0 ${width} ${height}"
    role="img"
    aria-label="${label}"
    preserveAspectRatio="xMidYMid meet"
  >
    <clipPath id="clip-${id}">
      <rect x="${LEFT}" y="${TOP - 4}" width="${right - LEFT}" height="${floor - TOP + 8}" />
    </clipPath>
    ${yTicks}${xTicks}
    <line class="axis" x1="${LEFT}" x2="${right}" y1="${floor}" y2="${floor}" />
    <g clip-path="url(#clip-${id})">${inside.map((mark) => drawn(mark, x, y, plot))}</g>
    ${over.map((mark) => drawn(mark, x, y, plot))}
  </svg>`;
}

function scalesOf({ width, height, x, y }: Plot): [Scale, Scale] {
  const along = (from: number, to: number, start: number, end: number): Scale => {
    const span = to - from || 1;
    return (value) => start + ((value - from) / span) * (end - start);
  };
  const horizontal = along(x.from, x.to, LEFT, width - RIGHT);
  if (!y.isLog) return [horizontal, along(y.from, y.to, height - BOTTOM, TOP)];
  const logarithmic = along(Math.log10(y.from), Math.log10(y.to), height - BOTTOM, TOP);
  return [horizontal, (value) => logarithmic(Math.log10(Math.max(value, y.from / 10)))];
}

/** Coordinates far outside are drawn at the edge of what renderers take. */
const px = (value: number): string => Math.max(-5000, Math.min(5000, value)).toFixed(1);

function drawn(mark: Mark, x: Scale, y: Scale, { width, height, y: axis }: Plot): Markup {
  switch (mark.kind) {
    case 'band': {
      const upper = mark.points.map((p) => `${px(x(p.x))},${px(y(p.high))}`);
      const lower = mark.points.map((p) => `${px(x(p.x))},${px(y(p.low))}`).reverse();
      return html`<polygon class="band ${mark.tone}" points="${[...upper, ...lower].join(' ')}" />`;
    }
    case 'line':
      return html`<path class="line ${mark.tone}${mark.isDashed ? ' dashed' : ''}" d="${pathOf(mark, x, y)}" />`;
    case 'level': {
      const at = Math.min(axis.to, Math.max(axis.from, mark.y));
      return html`<line
          class="line dashed ${mark.tone}"
          x1="${LEFT}"
          x2="${width - RIGHT}"
          y1="${px(y(at))}"
          y2="${px(y(at))}"
        /><text
          class="name ${mark.tone}"
          x="${width - RIGHT - 3}"
          y="${px(Math.max(TOP + 6, y(at) - 4))}"
          text-anchor="end"
        >
          ${mark.text}
        </text>`;
    }
    case 'moment': {
      const isLate = x(mark.x) > width * 0.7;
      return html`<line
          class="moment ${mark.tone}"
          x1="${px(x(mark.x))}"
          x2="${px(x(mark.x))}"
          y1="${TOP}"
          y2="${height - BOTTOM}"
        /><text
          class="name ${mark.tone}"
          x="${px(x(mark.x) + (isLate ? -3 : 3))}"
          y="${TOP - 4}"
          text-anchor="${isLate ? 'end' : 'start'}"
        >
          ${mark.text}
        </text>`;
    }
    case 'dot':
      return html`<circle class="dot ${mark.tone}" cx="${px(x(mark.x))}" cy="${px(y(mark.y))}" r="3.2">
        <title>${mark.text}</title>
      </circle>`;
  }
}

function pathOf({ points, isStep }: Extract<Mark, { kind: 'line' }>, x: Scale, y: Scale): string {
  return points
    .map((p, index) => {
      const to = `${px(x(p.x))},${px(y(p.y))}`;
      if (index === 0) return `M${to}`;
      return isStep ? `H${px(x(p.x))}V${px(y(p.y))}` : `L${to}`;
    })
    .join('');
}

/** Round tick values of a linear axis, about `count` of them, inside the range. */
export function linearTicks(from: number, to: number, count: number): number[] {
  const rough = (to - from) / Math.max(1, count);
  if (!(rough > 0) || !Number.isFinite(rough)) return [from];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(from / step - 1e-9);
  const ticks: number[] = [];
  for (let n = first; n * step <= to + step * 1e-9; n++) ticks.push(n * step);
  return ticks;
}

const TIME_STEPS_SECONDS = [
  ...[5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 21_600, 43_200],
  ...[1, 2, 5, 10, 20, 50].map((days) => days * 86_400),
];

/** Ticks of elapsed time from `fromMs`: 0, 5 min, 10 min … */
export function timeTicks(fromMs: number, toMs: number, count: number): Tick[] {
  const seconds = Math.max(1, (toMs - fromMs) / 1000);
  const step = TIME_STEPS_SECONDS.find((candidate) => seconds / candidate <= count) ?? seconds;
  const ticks: Tick[] = [];
  for (let at = 0; at <= seconds + 1e-6; at += step)
    ticks.push({ at: fromMs + at * 1000, text: elapsedText(at, step) });
  return ticks;
}

function elapsedText(seconds: number, step: number): string {
  if (seconds === 0) return '0';
  if (step < 60) return `${seconds} s`;
  if (step < 3600) return `${Math.round(seconds / 60)} min`;
  if (step < 86_400) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
