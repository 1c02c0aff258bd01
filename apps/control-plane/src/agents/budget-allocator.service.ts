import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { type AllocationClaim, allocateDay } from '#domain/agents/budget';
import { subjectOf } from '#domain/contracts/agent-intents';
import type { Campaign } from '#domain/contracts/campaign';
import type { FxTable } from '#domain/contracts/exchange';
import { amountToBaseMicros } from '#domain/money';
import { CampaignRepository } from '../campaigns/campaign.repository';
import { CellSettings } from '../edges/cell-settings';
import { dayOutlook } from '../edges/grant-plan';
import { KpiRepository } from '../lake/kpi.repository';
import { type Announcement, Announcer, keyOf } from './announcer';

const WINDOW_MS = 7 * 86_400_000;
const HOUR_MS = 3_600_000;
/** Only the day and its end are asked for. */
const EVEN_SHARES: readonly number[] = Array.from({ length: 168 }, () => 1 / 168);

/** A campaign on its day. */
interface Today {
  campaign: Campaign;
  day: string;
  endMs: number;
  capMicros: number;
}

interface Returns {
  valueNanos: number;
  spendNanos: number;
}

/**
 * The Budget agent's daily decision: what each campaign may spend today. An allocation stands for its day unless the bounds that
 * people set change; campaigns of other time zones share what the standing ones leave.
 */
@Injectable()
export class BudgetAllocator {
  constructor(
    private readonly database: DataSource,
    private readonly campaigns: CampaignRepository,
    private readonly kpis: KpiRepository,
    private readonly settings: CellSettings,
    private readonly announcer: Announcer,
  ) {}

  async due(cell: string, nowMs: number): Promise<Announcement[]> {
    const setting = await this.settings.find(cell);
    if (setting === null) return [];
    const today = (await this.campaigns.servable(this.database.manager, nowMs)).flatMap((campaign) =>
      onItsDay(campaign, setting.fx, nowMs),
    );
    if (today.length === 0) return [];
    const [returns, saturated, budgets] = await Promise.all([
      this.returns(cell, nowMs),
      this.saturatedShares(cell, nowMs),
      this.advertiserBudgets(today.map(({ campaign }) => campaign.advertiserId)),
    ]);
    const groups = new Map<string, Today[]>();
    for (const one of today) {
      const { advertiserId } = one.campaign;
      groups.set(advertiserId, [...(groups.get(advertiserId) ?? []), one]);
    }
    const announcements: Announcement[] = [];
    for (const [advertiserId, group] of groups) {
      const budget = budgets.get(advertiserId) ?? null;
      announcements.push(...(await this.allocate(group, budget, returns, saturated)));
    }
    return announcements;
  }

  private async allocate(
    group: readonly Today[],
    advertiserMicros: number | null,
    returns: ReadonlyMap<string, Returns>,
    saturated: ReadonlyMap<string, number>,
  ): Promise<Announcement[]> {
    const total = advertiserMicros ?? group.reduce((sum, { capMicros }) => sum + capMicros, 0);
    const period = boundsDigest(group, advertiserMicros);
    const keys = new Map(group.map((one) => [one.campaign.campaignId, allocationKey(one, period)]));
    const standing = await this.announcer.known([...keys.values()]);
    const open = group.filter(({ campaign }) => !standing.has(keys.get(campaign.campaignId) ?? ''));
    if (open.length === 0) return [];
    const taken = group
      .filter((one) => !open.includes(one))
      .reduce((sum, one) => {
        const action = standing.get(keys.get(one.campaign.campaignId) ?? '');
        return sum + one.capMicros * (Number(action?.amountMicros ?? 0) / one.campaign.dailyBudgetMicros);
      }, 0);
    const claims = open.map((one) => claimOf(one, returns, saturated));
    const amounts = allocateDay(claims, Math.max(0, Math.floor(total - taken)));
    return open.map((one) => announcementOf(one, amounts.get(one.campaign.campaignId) ?? 0, claims, period));
  }

  /** Value and spend per campaign of the last days, both arms together. */
  private async returns(cell: string, nowMs: number): Promise<Map<string, Returns>> {
    const sums = new Map<string, Returns>();
    for (const row of await this.kpis.campaignSums(cell, nowMs - WINDOW_MS, nowMs)) {
      const one = sums.get(row.campaignId) ?? { valueNanos: 0, spendNanos: 0 };
      one.valueNanos += row.valueNanos;
      one.spendNanos += row.spendNanos;
      sums.set(row.campaignId, one);
    }
    return sums;
  }

  /** Share of each campaign's spend of the last hours that went to what Frequency has announced as saturated. */
  private async saturatedShares(cell: string, nowMs: number): Promise<Map<string, number>> {
    const rows = await this.database.query<{ campaign_id: string; share: number }[]>(
      `SELECT c.campaign_id, (sum(h.spend_nanos) FILTER (WHERE i.subject IS NOT NULL) / sum(h.spend_nanos))::float8 AS share
       FROM creative_hour h JOIN creative c USING (creative_id)
         LEFT JOIN active_intent i ON i.kind = 'frequency.saturated' AND i.expires_at > $3
           AND i.subject = h.creative_id || '/' || h.exchange || '|' || c.size
       WHERE h.cell = $1 AND h.hour_ms >= $2 GROUP BY c.campaign_id HAVING sum(h.spend_nanos) > 0`,
      [cell, nowMs - 6 * HOUR_MS, new Date(nowMs)],
    );
    return new Map(rows.map((row) => [row.campaign_id, row.share ?? 0]));
  }

  private async advertiserBudgets(advertiserIds: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.database.query<{ advertiser_id: string; budget: string }[]>(
      `SELECT advertiser_id, daily_budget_micros AS budget FROM advertiser
       WHERE advertiser_id = ANY($1) AND daily_budget_micros IS NOT NULL`,
      [[...new Set(advertiserIds)]],
    );
    return new Map(rows.map((row) => [row.advertiser_id, Number(row.budget)]));
  }
}

function onItsDay(campaign: Campaign, fx: FxTable, nowMs: number): Today[] {
  const outlook = dayOutlook(campaign, EVEN_SHARES, nowMs);
  const capMicros = amountToBaseMicros(fx, campaign.currency, campaign.dailyBudgetMicros);
  if (outlook === null || capMicros === null || capMicros < 1) return [];
  return [{ campaign, day: outlook.day, endMs: outlook.endMs, capMicros }];
}

function claimOf(
  { campaign, capMicros }: Today,
  returns: ReadonlyMap<string, Returns>,
  saturated: ReadonlyMap<string, number>,
): AllocationClaim {
  const { campaignId } = campaign;
  const { valueNanos, spendNanos } = returns.get(campaignId) ?? { valueNanos: 0, spendNanos: 0 };
  return { campaignId, capMicros, valueNanos, spendNanos, saturatedShare: saturated.get(campaignId) ?? 0 };
}

/** Digest of the bounds that people set: while it stays, so do the day's allocations. */
function boundsDigest(group: readonly Today[], advertiserMicros: number | null): string {
  const bounds = group.map(
    ({ campaign }) => `${campaign.campaignId}=${campaign.dailyBudgetMicros}${campaign.currency}`,
  );
  const text = [...bounds.sort(), String(advertiserMicros)].join(';');
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

const allocationKey = ({ campaign, day }: Today, period: string): string => {
  const action = { campaignId: campaign.campaignId, day, amountMicros: 1 };
  return keyOf('budget.allocated', subjectOf('budget.allocated', action), period);
};

function announcementOf(
  one: Today,
  baseMicros: number,
  claims: readonly AllocationClaim[],
  period: string,
): Announcement {
  const { campaign, day, endMs, capMicros } = one;
  const { campaignId, currency, dailyBudgetMicros } = campaign;
  // A share of the campaign's own bound, so that no rate is applied twice; an allocation of nothing is the smallest amount.
  const amountMicros = Math.max(1, Math.floor(dailyBudgetMicros * Math.min(1, baseMicros / capMicros)));
  const claim = claims.find((other) => other.campaignId === campaignId);
  const roi = claim && claim.spendNanos > 0 ? (claim.valueNanos / claim.spendNanos).toFixed(2) : 'not known yet';
  const reason = `allocated ${(amountMicros / 1e6).toFixed(2)} ${currency} to campaign ${campaignId} for ${day}, of at most ${(dailyBudgetMicros / 1e6).toFixed(2)}; value per spend ${roi}`;
  return { kind: 'budget.allocated', action: { campaignId, day, amountMicros }, reason, expiresAtMs: endMs, period };
}
