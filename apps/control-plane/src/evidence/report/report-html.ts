import { html, type Markup } from '#domain/markup';
import { cumulative, effectPlot, lanePlot, percent, samplePlot, sharePlot, srmPlot, thinned } from './report-plots';
import type { ReportLook, ReportMetric, RolloutReport } from './report-schema';
import { REPORT_STYLE } from './report-style';
import { table, type Cell } from './report-table';

/** Newest looks and changes of verdict that the table lists; the JSON form has every look. */
const LISTED_LOOKS = 200;

/** The report as one HTML file: no script, nothing loaded from anywhere, every text escaped. */
export function reportHtml(report: RolloutReport): string {
  const { rollout } = report;
  const page = html`<header>
      <h1>Rollout ${rollout.rolloutId}</h1>
      <p>
        <span class="badge ${toneOf(rollout.state)}">${rollout.state}</span> ${rollout.agent} agent, candidate
        ${rollout.candidateId}, cell ${rollout.cell} of fleet ${rollout.fleet}
      </p>
      <p>${rollout.reason}</p>
    </header>
    <main>
      ${figures(report)} ${comparison(report)} ${shares(report)} ${safety(report)} ${foresight(report)}
      ${details(report)}
    </main>
    <footer>${footer(report)}</footer>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>${html`Rollout ${rollout.rolloutId}: ${rollout.state}`.text}</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
${page.text}
</body>
</html>
`;
}

function toneOf(state: RolloutReport['rollout']['state']): 'good' | 'bad' | 'wait' {
  if (state === 'promoted') return 'good';
  return ['rolled-back', 'aborted', 'rejected', 'refused', 'superseded'].includes(state) ? 'bad' : 'wait';
}

const primaryOf = (look: ReportLook | undefined): ReportMetric | undefined =>
  look?.metrics.find(({ role }) => role === 'primary');

const utc = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

function spoken(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 120) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86_400).toFixed(1)} days`;
}

const range = ({ effect, lower, upper }: { effect: number; lower: number; upper: number }): string =>
  `${percent(effect)} [${percent(lower)}, ${percent(upper)}]`;

function figures(report: RolloutReport): Markup {
  const { rollout, looks, safe, stages, generatedAt } = report;
  const last = looks.at(-1);
  const primary = primaryOf(last);
  const sample = cumulative(looks, 'decisions').at(-1);
  const endMs = Date.parse(rollout.endedAt ?? generatedAt);
  const rows: [string, string, string][] = [
    [
      primary === undefined ? 'primary metric' : `effect on ${primary.metric}`,
      primary?.effect ? percent(primary.effect.effect) : 'not measured',
      primary?.effect
        ? `bounds ${percent(primary.effect.lower)} to ${percent(primary.effect.upper)}`
        : 'no look of a canary',
    ],
    [
      'last verdict',
      last?.verdict ?? 'none',
      last ? `look ${last.look} of stage ${last.stage}, ${looks.length} looks in all` : '',
    ],
    [
      'decisions judged',
      sample ? sample.canary.toLocaleString('en-US') : '0',
      `canary; control ${sample?.control.toLocaleString('en-US') ?? 0}`,
    ],
    ['largest share', `${Math.max(0, ...stages.map(({ shareBps }) => shareBps)) / 100} %`, 'of users'],
    ['time to safe', safe ? spoken(safe.timeToSafeMs) : 'not needed', safe ? 'verdict to the last edge' : ''],
    ['took', spoken(endMs - Date.parse(rollout.createdAt)), `asked for by ${rollout.requestedBy}`],
  ];
  return html`<dl>
    ${rows.map(
      ([name, value, note]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}<small>${note}</small></dd>
        </div>`,
    )}
  </dl>`;
}

const figure = (title: string, plot: Markup | null, note: string): Markup | null =>
  plot &&
  html`<figure>
    <h3>${title}</h3>
    ${plot}
    <figcaption>${note}</figcaption>
  </figure>`;

const both = (plot: (size: 'wide' | 'narrow') => Markup | null): Markup =>
  html`<div class="wide">${plot('wide')}</div>
    <div class="narrow">${plot('narrow')}</div>`;

function comparison(report: RolloutReport): Markup {
  const last = report.looks.at(-1);
  const primary = primaryOf(last);
  if (last === undefined || primary === undefined)
    return html`<h2>Comparison</h2>
      <p class="soft">No look was taken: no canary has served, or its first look is still to come.</p>`;
  const others = last.metrics.filter(({ role }) => role !== 'primary');
  return html`<h2>Is it at least as good? ${primary.metric}</h2>
    <ul class="legend">
      <li><b class="canary">━</b> relative effect, canary against the concurrent control</li>
      <li><b class="canary">▒</b> bounds that hold at every look at once</li>
      <li><b class="limit">┅</b> margin: proven when the whole band lies on its good side</li>
      <li>┊ a stage begins, with its share of users</li>
    </ul>
    ${figure(
      `${primary.metric}, ${primary.better} is better`,
      both((size) => effectPlot(report, primary.metric, size)),
      last.reason,
    )}
    <h2>Guardrails, sample ratio and sample</h2>
    <ul class="legend">
      <li><b class="canary">━ canary</b></li>
      <li><b class="control">━ control</b></li>
      <li><b class="limit">┅ limit</b></li>
    </ul>
    <div class="plots">
      ${others.map((metric) =>
        figure(
          `${metric.metric} (${metric.role})`,
          metric.limit === null ? effectPlot(report, metric.metric, 'narrow') : lanePlot(report, metric.metric),
          metricNote(metric),
        ),
      )}
      ${figure('Sample ratio, sequential p', srmPlot(report), `users are split as planned while p stays above the alarm; last p ${last.srmP.toPrecision(2)}`)}
      ${figure('Decisions so far', samplePlot(report, 'decisions'), 'summed over stages')}
      ${figure('Primary events so far', samplePlot(report, 'primaryEvents'), 'summed over stages')}
    </div>`;
}

function metricNote({ canary, control, scale, unit, effect, verdict }: ReportMetric): string {
  const show = (value: number) => Number((value * scale).toPrecision(3));
  const facts = `${show(canary)} against ${show(control)} ${unit}`;
  return `${verdict}: ${effect ? `${range(effect)}, ` : ''}${facts}`;
}

function shares(report: RolloutReport): Markup {
  const rows = report.events.map(({ atMs, kind, who, what, reason }, at): Cell[] => [
    String(at + 1),
    utc(atMs),
    kind,
    who,
    { text: what },
    { text: reason },
  ]);
  return html`<h2>Share of users, and who decided</h2>
    <ul class="legend">
      <li><b class="canary">━</b> share of users in the canary</li>
      <li><b class="control">┅</b> share of requests seen by the shadow</li>
      <li><b class="event">┊ 1</b> what was decided, by number</li>
    </ul>
    ${figure(
      'Share over time',
      both((size) => sharePlot(report, size)),
      'as published to the edges',
    )}
    ${table('Requests, approvals, intents and deployments, oldest first', ['#', 'time (UTC)', 'kind', 'who', 'what', 'reason'], rows)}`;
}

function safety({ safe }: RolloutReport): Markup | null {
  if (safe === null) return null;
  const { timeToSafeMs, verdictAtMs, safeAtMs, targetId, acknowledged, stragglers } = safe;
  return html`<h2>Time to safe: ${spoken(timeToSafeMs)}</h2>
    <p>
      Verdict at ${utc(verdictAtMs)} UTC, every connected edge on ${targetId} at ${utc(safeAtMs)} UTC. Acknowledged by
      ${acknowledged.length === 0 ? 'no edge' : acknowledged.join(', ')}.
      ${stragglers.length === 0 ? 'No straggler.' : html`<strong>Stragglers: ${stragglers.join(', ')}.</strong>`}
    </p>`;
}

function foresight({ forecasts, candidate }: RolloutReport): Markup {
  const scored = forecasts.map(({ source, metric, forecast, found, outcome }): Cell[] => [
    source,
    metric,
    range(forecast),
    found ? range(found) : outcome,
    found ? percent(forecast.effect - found.effect) : '',
  ]);
  const gates = (candidate?.gates ?? []).map(({ gate, passed, n, reason }): Cell[] => [
    gate,
    passed ? 'passed' : 'REFUSED',
    n.toLocaleString('en-US'),
    { text: reason },
  ]);
  return html`<h2>What the offline gates said</h2>
    ${
      candidate === null
        ? html`<p class="soft">The candidate is not in the registry.</p>`
        : html`<p>
            ${candidate.family}, trained from ${candidate.parentId ?? 'nothing'} on window
            ${candidate.windowId ?? 'none'}, by ${candidate.createdBy} at ${candidate.createdAt}.
          </p>`
    }
    ${gates.length === 0 ? null : table('Gates', ['gate', 'result', 'n', 'why'], gates)}
    ${
      scored.length === 0
        ? html`<p class="soft">No gate made a forecast that the canary could check.</p>`
        : table('Forecasts against what the canary found', ['source', 'metric', 'forecast', 'found', 'off by'], scored)
    }`;
}

function details({ rollout: { plan }, looks }: RolloutReport): Markup {
  const listed = thinned(looks).slice(-LISTED_LOOKS).reverse();
  const rows = listed.map((look): Cell[] => {
    const effect = primaryOf(look)?.effect;
    return [
      `${look.stage} / ${look.look}`,
      utc(look.atMs),
      look.verdict,
      effect ? range(effect) : '',
      look.srmP.toPrecision(2),
      `${look.decisions.canary} / ${look.decisions.control}`,
      { text: look.reason },
      `${look.digest.slice(0, 12)}${look.isSealed ? '' : ' ALTERED'}`,
    ];
  });
  const head = ['stage / look', 'time (UTC)', 'verdict', 'primary effect', 'SRM p', 'decisions', 'why', 'digest'];
  const stages = plan.stages.map((stage, at): Cell[] => [
    String(at),
    stage.kind,
    `${stage.shareBps / 100} %`,
    spoken(stage.holdSeconds * 1000),
    spoken(stage.maxSeconds * 1000),
    String(stage.minPrimaryEvents),
    String(stage.minDecisions),
    stage.approval ? 'yes' : 'no',
  ]);
  const metrics = plan.metrics.map(({ metric, role, margin, action, prove }): Cell[] => [
    metric,
    role,
    `${Number((margin * 100).toFixed(2))} %`,
    action,
    prove ? 'yes' : 'no',
  ]);
  return html`<h2>Looks and plan</h2>
    <details>
      <summary>${rows.length} of ${looks.length} looks, newest first</summary>
      ${table('The JSON form has every look', head, rows)}
    </details>
    <details>
      <summary>Plan ${plan.name}, α ${plan.alpha}</summary>
      ${table('Stages', ['stage', 'kind', 'share', 'hold', 'at most', 'primary events', 'decisions', 'approval'], stages)}
      ${table('Metrics', ['metric', 'role', 'margin', 'when inferior', 'must be proven'], metrics)}
    </details>`;
}

function footer({ schema, generatedAt, looks }: RolloutReport): Markup {
  const altered = looks.filter(({ isSealed }) => !isSealed).length;
  const seal =
    altered === 0
      ? `All ${looks.length} looks hash to the digest they were sealed with.`
      : `WARNING: ${altered} of ${looks.length} looks no longer hash to their digest.`;
  return html`<p>${seal} Generated ${generatedAt}, ${schema}.</p>`;
}
