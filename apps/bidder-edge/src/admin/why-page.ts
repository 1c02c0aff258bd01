import type { CampaignWhy } from '#domain/contracts';
import { html } from '#domain/markup';
import { bad, figures, page, percent, section, table, usd } from './page-parts';

/** One campaign: why it does not bid at this edge. */
export function whyPage(why: CampaignWhy): string {
  const counted = ({ recent, total }: { recent: number; total: number }): string => `${recent} (${total})`;
  const reasons = why.reasons.map(({ reason, stage, recent, total, share, means, toDo }) => [
    reason,
    stage,
    recent,
    total,
    percent(share),
    means,
    toDo,
  ]);
  const leases = why.grants.map(({ arm, amountNanos, freeNanos, reservedNanos, spentNanos }) => [
    arm,
    ...[amountNanos, freeNanos, reservedNanos, spentNanos].map(usd),
  ]);
  const head = ['reason', 'stage', 'last minutes', 'since the start', 'share', 'what it means', 'what to do'];
  const body = html`<header>
      <h1>${why.name ?? why.campaignId}</h1>
      <p class="soft">campaign ${why.campaignId} at edge ${why.edgeId}</p>
      <nav aria-label="This edge">
        <a href="/">edge</a> <a href="/campaigns/${encodeURIComponent(why.campaignId)}/why">JSON</a>
      </nav>
    </header>
    <main>
      <p>${why.verdict}</p>
      ${why.blocks.map(({ means, toDo }) => html`<p class="alarm">${bad(means)} ${toDo}</p>`)}
      ${section(
        'sums',
        'Impressions',
        figures([
          ['looked at, last minutes (start)', counted(why.looked)],
          ['bids', counted(why.bids)],
          ['another campaign ranked higher', counted(why.outranked)],
        ]),
      )}
      ${section('reasons', 'Reasons', table('The most frequent of late first', head, reasons, 'None counted.'))}
      ${section(
        'leases',
        'Leases here',
        table('Units of the fleet’s currency', ['arm', 'granted', 'free', 'reserved', 'spent'], leases, 'None.'),
      )}
    </main>`;
  return page(`${why.campaignId}: why is it not bidding?`, null, body);
}
