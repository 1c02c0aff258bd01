import type { CampaignLine, EdgeStatus } from '#domain/contracts';
import { html, type Markup } from '#domain/markup';
import { bad, bytes, duration, figures, good, micros, page, percent, section, table, usd, utc } from './page-parts';

/** Rows of a table that may be long; the rest is at /status and /campaigns. */
const SHOWN = 50;

/** The edge on one page: what it serves, why it does not bid, how fast it is. */
export function statusPage(
  status: EdgeStatus,
  campaigns: { items: readonly CampaignLine[]; total: number },
  everySeconds: number | null,
): string {
  const refresh =
    everySeconds === null ? html`<a href="/?every=5">refresh every 5 s</a>` : html`<a href="/">stop refreshing</a>`;
  const body = html`<header>
      <h1>Edge ${status.edgeId}</h1>
      <p class="soft">
        fleet ${status.fleet}, as of ${utc(status.nowMs)} UTC, up ${duration(status.nowMs - status.startedAtMs)}
      </p>
      <nav aria-label="This edge">
        ${refresh} <a href="/status">JSON</a> <a href="/campaigns">campaigns</a> <a href="/metrics">metrics</a>
      </nav>
      ${alarms(status)}
    </header>
    <main>
      ${section('serving', 'What is served', serving(status))}
      ${section('traffic', 'Requests, bids, no-bids', traffic(status))}
      ${section('campaigns', 'Why is a campaign not bidding?', campaignTable(campaigns))}
      ${section('latency', 'Latency per stage', latency(status))}
      ${section('exchanges', 'Late or invalid answers', exchanges(status))}
      ${section('budget', 'Budget leases', budget(status))} ${section('outbox', 'Outbox', outbox(status))}
      ${section('refusals', 'Snapshots refused', refusals(status))}
    </main>`;
  return page(`Edge ${status.edgeId}`, everySeconds, body);
}

function alarms({ notReady, kill, serving: served, exchanges: answers, outbox: box }: EdgeStatus): Markup {
  const texts = [
    ...(notReady === null ? [] : [`No bids: ${notReady}.`]),
    ...(kill.level === 'none' ? [] : [`Kill level ${kill.level} is in force.`]),
    ...answers
      .filter(({ isAlarm }) => isAlarm)
      .map(
        ({ exchange, share }) =>
          `${percent(share)} of the answers to ${exchange} were late or invalid; exchanges throttle at 15 %.`,
      ),
    ...served.withoutPriceKey.map((name) => `No bids at ${name}: this edge lacks the key of its prices.`),
    ...(box.isOpen ? [] : ['The outbox takes no records.']),
  ];
  return html`${texts.map((text) => html`<p class="alarm" role="alert">${bad(text)}</p>`)}`;
}

function serving({ serving: served, kill, controlPlane, notReady }: EdgeStatus): Markup {
  const reachable = controlPlane?.reachable ? good('reachable') : bad('not reachable');
  const facts = figures([
    ['state', notReady === null ? good('ready') : bad(notReady)],
    ['snapshot', served.version ?? 'none'],
    ['issued', served.issuedAtMs === null ? 'never' : `${utc(served.issuedAtMs)} UTC`],
    ['campaigns, creatives', `${served.campaigns}, ${served.creatives}`],
    ['kill level', kill.level],
    ['quarantined agents', kill.quarantinedAgents.join(', ') || 'none'],
    ['campaigns stopped', kill.stoppedCampaigns.length],
    ['control plane', controlPlane === null ? 'none: runs alone' : reachable],
    ['canary lapses', served.canaryLapses],
  ]);
  const rows = served.arms.map(({ arm, rolloutId, shareBps, leaseLeftMs, policies, breaker }) => [
    arm,
    `${shareBps / 100} %`,
    rolloutId ?? '-',
    leaseLeftMs === null ? '-' : duration(leaseLeftMs),
    breaker === null ? 'no model' : breaker.isOpen ? bad('open') : `closed, ${breaker.trips} trips`,
    policies
      .map(({ agent, modelVersionId, model }) => `${agent} ${modelVersionId}${model ? '' : ' (rules)'}`)
      .join(', '),
  ]);
  const head = ['arm', 'users', 'rollout', 'lease left', 'breaker', 'policies'];
  const shadows = served.shadows.map(({ rolloutId, sampleBps }) => `${rolloutId} on ${sampleBps / 100} %`).join(', ');
  return html`${facts} ${table('Arms', head, rows, 'Nothing is served.')}
    <p class="soft">
      Snapshot ${served.snapshotId ?? 'none'}. Shadows: ${shadows || 'none'}. Exchanges:
      ${served.exchanges.join(', ') || 'none'}.
    </p>`;
}

function traffic({ traffic: counted }: EdgeStatus): Markup {
  const facts = figures([
    ['requests per second', counted.requestsPerSecond.toFixed(1)],
    ['requests', counted.requests],
    ['bids', counted.bids],
    ['no-bids', counted.noBids.reduce((sum, { count }) => sum + count, 0)],
    ['internal errors', counted.internalErrors],
  ]);
  const rows = counted.noBids.slice(0, SHOWN).map(({ stage, reason, count }) => [reason, stage, count]);
  const fallbacks = counted.fallbacks.map(({ agent, reason, count }) => `${agent}: ${reason} ${count}`).join(', ');
  return html`${facts}
    ${table('Requests or impressions without a bid, since the start', ['reason', 'stage', 'count'], rows, 'None yet.')}
    <p class="soft">Rules instead of a model: ${fallbacks || 'never'}.</p>`;
}

function campaignTable({ items, total }: { items: readonly CampaignLine[]; total: number }): Markup {
  const rows = items.map(({ campaignId, name, verdict, bids }) => [
    html`<a href="/campaigns/${encodeURIComponent(campaignId)}">${campaignId}</a>`,
    verdict,
    bids.recent,
    bids.total,
    name,
  ]);
  const more =
    total > items.length
      ? html`<p class="soft">${items.length} of ${total}; all at <a href="/campaigns">/campaigns</a>.</p>`
      : null;
  const head = ['campaign', 'why', 'bids, last minutes', 'bids', 'name'];
  return html`${table('Those that bid least first', head, rows, 'The snapshot has no campaign.')}${more}`;
}

function latency({ latency: stages, loopLag }: EdgeStatus): Markup {
  const rows = stages.map(({ stage, count, p50, p99, p999, max }) => [
    stage,
    count,
    ...(count === 0 ? ['-', '-', '-', '-'] : [micros(p50), micros(p99), micros(p999), micros(max)]),
  ]);
  const lag =
    loopLag === null
      ? 'not measured yet'
      : `p50 ${loopLag.p50Ms.toFixed(1)} ms, p99 ${loopLag.p99Ms.toFixed(1)} ms, worst ${loopLag.maxMs.toFixed(1)} ms`;
  const head = ['stage', 'requests', 'p50', 'p99', 'p99.9', 'worst'];
  return html`${table('The last one to two minutes; total is first line to answer', head, rows, '')}
    <p>Event loop’s lag, last minute: ${lag}.</p>`;
}

function exchanges({ exchanges: answers }: EdgeStatus): Markup {
  const rows = answers.map(({ exchange, answers: all, late, invalid, share, isAlarm }) => [
    exchange,
    all,
    late,
    invalid,
    isAlarm ? bad(percent(share)) : percent(share),
  ]);
  const head = ['exchange', 'answers', 'late', 'invalid', 'share'];
  return table('The last minute; alarm from 5 % of 100 answers on', head, rows, 'No exchange has asked yet.');
}

function budget({ budget: { openReservations, grants }, nowMs }: EdgeStatus): Markup {
  const rows = grants
    .slice(0, SHOWN)
    .map(({ campaignId, arm, amountNanos, freeNanos, reservedNanos, spentNanos, lateNanos, expiresAtMs }) => [
      campaignId,
      arm,
      ...[amountNanos, freeNanos, reservedNanos, spentNanos, lateNanos].map(usd),
      duration(Math.max(0, expiresAtMs - nowMs)),
    ]);
  const head = ['campaign', 'arm', 'granted', 'free', 'reserved', 'spent', 'late bills', 'ends in'];
  return html`${table('Open leases, units of the fleet’s currency', head, rows, 'No lease is open: nothing can be bid.')}
    <p class="soft">${rows.length} of ${grants.length} leases; ${openReservations} bids wait for a notice.</p>`;
}

function outbox({ outbox: box }: EdgeStatus): Markup {
  const counted = (rows: readonly (readonly [string, number])[]): string =>
    rows.map(([name, count]) => `${name} ${count}`).join(', ') || 'none';
  return figures([
    ['state', box.isOpen ? good('takes records') : bad('takes none')],
    ['on disk', `${bytes(box.bytes)} of ${bytes(box.maxBytes)}`],
    ['segments waiting', box.segmentsWaiting],
    ['in memory', bytes(box.pendingBytes)],
    ['segments', counted(box.segments.map(({ result, count }) => [result, count]))],
    ['shed', counted(box.shed.map((row) => [row.class, row.count]))],
    ['faults', counted(box.faults.map(({ code, count }) => [code, count]))],
  ]);
}

function refusals({ refusals: refused }: EdgeStatus): Markup {
  const rows = refused.map(({ atMs, version, code, detail }) => [`${utc(atMs)} UTC`, version, code, detail]);
  return table(
    'Newest first; the one in service stayed',
    ['time', 'version', 'code', 'detail'],
    rows,
    'None since the start.',
  );
}
