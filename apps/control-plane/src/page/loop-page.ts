import { html, scrollingTable, type Markup } from '#domain/markup';
import type { Status } from '../status/status.schema';

/** Parts of the page that change; the browser replaces each by id. */
export type PageSections = Record<string, string>;

/** Traffic older than this is greyed with its age. */
const STALE_MS = 15_000;
/** Steps of the loop count as live this long after their last sign. */
const LIVE_SECONDS = 60;

/** Every part of the page by the id of its element. */
export function pageSections(status: Status): PageSections {
  const parts: Record<string, Markup> = {
    figures: figures(status),
    loop: loop(status),
    champions: champions(status),
    delivery: delivery(status),
    edges: edges(status),
    bids: bids(status),
    links: links(status),
  };
  return Object.fromEntries(Object.entries(parts).map(([id, part]) => [id, part.text]));
}

/** The whole page, complete without JavaScript; with it, the parts refresh every two seconds. */
export function loopPage(status: Status): string {
  const sections = pageSections(status);
  const section = (id: string, title: string): string =>
    `<section aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2><div id="${id}">${sections[id] ?? ''}</div></section>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Adloop: is the loop turning?</title>
<link rel="stylesheet" href="/page/style.css">
<script src="/page/page.js" defer></script>
</head>
<body>
<header><h1>Adloop</h1><p>fleet ${html`${status.fleet}`.text}, cell ${html`${status.cell}`.text}. Demo regime, not calibrated.</p>
<p id="freshness" role="status">as of ${html`${status.at}`.text}</p></header>
<main id="main">
${section('figures', 'Traffic')}
${section('loop', 'The loop')}
${section('champions', 'What bids: champion per agent')}
${section('delivery', 'Training and rollout')}
${section('edges', 'Edges')}
${section('bids', 'Last bids')}
${section('links', 'Links')}
</main>
</body>
</html>
`;
}

function figures(status: Status): Markup {
  const age = status.lake.newestDecisionAgeMs;
  const stale = age === null || age > STALE_MS;
  const note = age === null ? 'no decision yet' : `stale: newest decision is ${duration(age / 1000)} old`;
  const rows: [string, string][] = [
    ['requests per second', status.requestsPerSecond.toFixed(1)],
    ['bid rate', percent(status.bidRate)],
    ['win rate', percent(status.winRate)],
    ['spend, 7 days', `${status.spend.USD.toFixed(2)} USD`],
    ['value, 7 days', `${status.value.USD.toFixed(2)} USD`],
    ['decisions, 7 days', status.decisions.toLocaleString('en-US')],
  ];
  return html`<dl class="figures${stale ? ' stale' : ''}">
      ${rows.map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
    ${stale ? html`<p class="note">${note}</p>` : null}`;
}

function loop(status: Status): Markup {
  return html`<ol class="loop">
    ${status.loop.map((step) => {
      const live = step.ageSeconds !== null && step.ageSeconds <= LIVE_SECONDS;
      const sign = step.ageSeconds === null ? '○ not yet' : live ? '● now' : `◐ ${duration(step.ageSeconds)} ago`;
      return html`<li class="${live ? 'live' : 'idle'}">
        <strong>${step.step}</strong><span>${sign}</span><small>${step.detail}</small>
      </li>`;
    })}
  </ol>`;
}

function champions(status: Status): Markup {
  if (status.champions.length === 0) return html`<p class="note">No champion yet: the database is not seeded.</p>`;
  const rows = status.champions.map(({ agent, modelVersionId, since }) => [agent, modelVersionId, since]);
  return table('Champion per agent', ['agent', 'model version', 'since'], rows);
}

function delivery({ training, rollout }: Status): Markup {
  const trained = training
    ? html`<p>
        <strong>Training</strong> ${training.agent}: ${training.state}${training.code ? ` (${training.code})` : ''},
        ${training.updatedAt}
      </p>`
    : html`<p><strong>Training</strong> none yet. Start one: <code>npm run adloop -- train start</code></p>`;
  if (!rollout)
    return html`${trained}
      <p><strong>Rollout</strong> none yet.</p>`;
  const share = rollout.shareBps > 0 ? `, ${rollout.shareBps / 100} % of users` : '';
  return html`${trained}
    <p>
      <strong>Rollout</strong> ${rollout.rolloutId} (${rollout.agent}, ${rollout.candidateId}): ${rollout.state}, stage
      ${rollout.stage}${share}.
      ${rollout.verdict ? `Verdict ${rollout.verdict}. ` : ''}${rollout.reason}${rollout.waitingFor ? html` <em>Waiting for ${rollout.waitingFor}.</em>` : null}
    </p>`;
}

function edges(status: Status): Markup {
  if (status.edges.length === 0) return html`<p class="note">No edge has reported yet.</p>`;
  const rows = status.edges.map((edge) => [
    edge.edgeId,
    edge.live ? '● live' : `○ silent since ${edge.lastSeenAt}`,
    edge.snapshotVersion === null ? 'none' : `${edge.snapshotVersion} of ${status.snapshotVersion ?? '?'}`,
    edge.servingCanary ? `${edge.servingCanary.shareBps / 100} %` : 'no',
    edge.refusedSnapshot
      ? `refused ${edge.refusedSnapshot.version}: ${edge.refusedSnapshot.code}`
      : [edge.killLevel, ...edge.quarantinedAgents].join(' '),
  ]);
  return table('Edges as they describe themselves', ['edge', 'state', 'snapshot', 'canary', 'kill level'], rows);
}

function bids(status: Status): Markup {
  if (status.lastBids.length === 0) return html`<p class="note">No bid has been logged yet.</p>`;
  const rows = status.lastBids.map((bid) => [
    new Date(bid.atMs).toISOString().slice(11, 23),
    bid.campaignId,
    bid.creativeId,
    bid.arm,
    (bid.bidMicros / 1e6).toFixed(4),
    bid.outcome,
    bid.priceNanos === null ? '' : (bid.priceNanos / 1e6).toFixed(4),
    bid.decisionId,
  ]);
  const head = ['time (UTC)', 'campaign', 'creative', 'arm', 'bid, USD CPM', 'outcome', 'paid, USD CPM', 'decision'];
  return table('Newest first', head, rows);
}

function links({ links: { temporalUi, openapi, metrics, edges: edgeUrls } }: Status): Markup {
  const items: [string, string][] = [
    ['OpenAPI 3.1', openapi],
    ['metrics', metrics],
    ...(temporalUi === null ? [] : [['Temporal UI', temporalUi] as [string, string]]),
    ...edgeUrls.map((url): [string, string] => [`edge ${url}`, `${url}/`]),
  ];
  return html`<ul class="links">
    ${items.map(([name, url]) => html`<li><a href="${url}">${name}</a></li>`)}
  </ul>`;
}

/** A table of the page: its first column names the row. */
function table(caption: string, head: readonly string[], rows: readonly (readonly string[])[]): Markup {
  return scrollingTable(
    caption,
    head,
    rows.map(
      ([first, ...rest]) =>
        html`<tr>
          <th scope="row">${first ?? ''}</th>
          ${rest.map((cell) => html`<td>${cell}</td>`)}
        </tr>`,
    ),
  );
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}
