import type { EdgeStatus } from '#domain/contracts';
import type { BudgetLedger } from '../state';

type GrantLine = EdgeStatus['budget']['grants'][number];

/** Grants that are open at this edge, by campaign; of one campaign when `campaignId` is given. */
export function grantLines(ledger: BudgetLedger, campaignId: string | null = null): GrantLine[] {
  const grants = new Map(ledger.dump().map(({ grant }) => [grant.grantId, grant]));
  const lines: GrantLine[] = [];
  for (const report of ledger.reports()) {
    const grant = grants.get(report.grantId);
    if (grant === undefined || report.closed || (campaignId !== null && report.campaignId !== campaignId)) continue;
    const { grantId, arm, reservedNanos, spentNanos, freeNanos, lateNanos } = report;
    const { amountNanos, expiresAtMs } = grant;
    lines.push({
      ...{ campaignId: report.campaignId, arm, grantId, amountNanos },
      ...{ reservedNanos, spentNanos, freeNanos, lateNanos, expiresAtMs },
    });
  }
  return lines.sort((a, b) => (a.campaignId < b.campaignId ? -1 : a.campaignId > b.campaignId ? 1 : 0));
}
