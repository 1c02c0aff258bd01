import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { conservativeReason } from '#domain/agents/bid';
import { pacingTarget } from '#domain/agents/budget';
import { exploreShare } from '#domain/agents/creative';
import { saturationReason } from '#domain/agents/frequency';
import { INTENT_LIFETIME_MS, segmentOf, TICK_MS } from '#domain/contracts/agent-intents';
import { normalCdf } from '#domain/evaluation/normal-distribution';
import { sizeOf } from '#domain/contracts/creative';
import { CampaignRepository } from '../campaigns/campaign.repository';
import { ControlPlaneConfig } from '../config';
import { CreativeRepository } from '../creatives/creative.repository';
import { CreativeStats } from '../lake/creative-stats';
import { type Announcement, Announcer } from './announcer';
import { BudgetAllocator } from './budget-allocator.service';

const HOUR_MS = 3_600_000;
/** Time that events of a closed hour or tick may take to arrive before it is judged. */
const ARRIVAL_MS = 60_000;
/** Labels of the newest hour are still on their way; six hours before it are looked at. */
const RETURNS = { fromHours: 7, toHours: 1 };
const EXPOSURE_HOURS = 6;

/** What each agent decides slowly, from sums, by its baseline; published as intents for the others to read. */
@Injectable()
export class SlowDecisions {
  constructor(
    private readonly database: DataSource,
    private readonly config: ControlPlaneConfig,
    private readonly campaigns: CampaignRepository,
    private readonly creatives: CreativeRepository,
    private readonly stats: CreativeStats,
    private readonly allocator: BudgetAllocator,
    private readonly announcer: Announcer,
  ) {}

  /** Publishes what is due at `nowMs`; twice, or in two processes, publishes nothing more. @returns how many were new. */
  async publishDue(nowMs: number): Promise<number> {
    const { cell } = this.config;
    // Frequency first: Budget reads what it says.
    const due = [
      () => this.saturated(cell, nowMs),
      () => this.allocator.due(cell, nowMs),
      () => this.pacing(cell, nowMs),
      () => this.explore(nowMs),
      () => this.conservative(cell, nowMs),
    ];
    let published = 0;
    for (const decide of due) published += await this.announcer.announce(await decide());
    return published;
  }

  /** Budget: where its controllers stood in the tick that has just ended. */
  private async pacing(cell: string, nowMs: number): Promise<Announcement[]> {
    const tickMs = floorTo(nowMs - ARRIVAL_MS, TICK_MS) - TICK_MS;
    const rows = await this.database.query<
      Record<'campaignId' | 'bids' | 'multiplierPpm' | 'passThroughPpm', string>[]
    >(
      `SELECT campaign_id AS "campaignId", bids, multiplier_ppm AS "multiplierPpm", pass_through_ppm AS "passThroughPpm"
       FROM pacing_tick WHERE cell = $1 AND tick_ms = $2 ORDER BY campaign_id`,
      [cell, tickMs],
    );
    return rows.flatMap(({ campaignId, ...sums }): Announcement[] => {
      const bids = Number(sums.bids);
      const target = pacingTarget({
        bids,
        multiplierPpm: Number(sums.multiplierPpm),
        passThroughPpm: Number(sums.passThroughPpm),
      });
      if (target === null) return [];
      return [
        {
          kind: 'pacing.target',
          action: { campaignId, ...target },
          reason: `mean of ${bids} bids in the tick of ${new Date(tickMs).toISOString()}`,
          expiresAtMs: nowMs + INTENT_LIFETIME_MS['pacing.target'],
          period: String(tickMs),
        },
      ];
    });
  }

  /** Creative: how much of each campaign's allowance is worth using on variants. */
  private async explore(nowMs: number): Promise<Announcement[]> {
    const hourMs = floorTo(nowMs, HOUR_MS);
    const { manager } = this.database;
    const campaigns = await this.campaigns.servable(manager, nowMs);
    const creatives = await this.creatives.servable(
      manager,
      campaigns.map(({ campaignId }) => campaignId),
    );
    const counts = await this.stats.of(creatives.map(({ creativeId }) => creativeId));
    return campaigns.flatMap(({ campaignId, explorationAllowance }): Announcement[] => {
      const bySize = new Map<string, { impressions: number; clicks: number }[]>();
      for (const one of creatives.filter((creative) => creative.campaignId === campaignId)) {
        const size = sizeOf(one);
        const count = counts[one.creativeId] ?? { impressions: 0, clicks: 0 };
        bySize.set(size, [...(bySize.get(size) ?? []), count]);
      }
      const share = Math.max(0, ...[...bySize.values()].map((variants) => exploreShare(variants, twoSided)));
      const allowance = Number((explorationAllowance * share).toFixed(4));
      if (!(allowance > 0)) return [];
      const reason = `${(share * 100).toFixed(0)} % of the allowance: the best variant may not be ahead of the next`;
      const expiresAtMs = nowMs + INTENT_LIFETIME_MS['creative.explore'];
      return [
        { kind: 'creative.explore', action: { campaignId, allowance }, reason, expiresAtMs, period: String(hourMs) },
      ];
    });
  }

  /** Bid: segments where it pays more than it gets. */
  private async conservative(cell: string, nowMs: number): Promise<Announcement[]> {
    const hourMs = floorTo(nowMs - ARRIVAL_MS, HOUR_MS);
    const rows = await this.database.query<
      Record<'exchange' | 'size' | 'impressions' | 'clicks' | 'value' | 'spend', string>[]
    >(
      `SELECT exchange, c.size, sum(impressions) AS impressions, sum(clicks) AS clicks,
         sum(value_nanos) AS value, sum(spend_nanos) AS spend
       FROM creative_hour JOIN creative c USING (creative_id)
       WHERE cell = $1 AND hour_ms >= $2 AND hour_ms < $3 GROUP BY 1, 2 ORDER BY 1, 2`,
      [cell, hourMs - RETURNS.fromHours * HOUR_MS, hourMs - RETURNS.toHours * HOUR_MS],
    );
    return rows.flatMap(({ exchange, size, impressions, clicks, value, spend }): Announcement[] => {
      const reason = conservativeReason({
        impressions: Number(impressions),
        clicks: Number(clicks),
        valueNanos: Number(value),
        spendNanos: Number(spend),
      });
      if (reason === null) return [];
      const action = { segment: segmentOf(exchange, size) };
      const expiresAtMs = nowMs + INTENT_LIFETIME_MS['bid.conservative'];
      return [{ kind: 'bid.conservative', action, reason, expiresAtMs, period: String(hourMs) }];
    });
  }

  /** Frequency: creatives that people have seen too often, where nothing says so already. */
  private async saturated(cell: string, nowMs: number): Promise<Announcement[]> {
    const hourMs = floorTo(nowMs - ARRIVAL_MS, HOUR_MS);
    const rows = await this.database.query<Record<'exchange' | 'creativeId' | 'size' | 'bids' | 'repeats', string>[]>(
      `SELECT exchange, creative_id AS "creativeId", c.size, sum(bids) AS bids, sum(repeats) AS repeats
       FROM creative_hour JOIN creative c USING (creative_id) WHERE cell = $1 AND hour_ms >= $2 AND hour_ms < $3
         AND NOT EXISTS (SELECT 1 FROM active_intent i WHERE i.kind = 'frequency.saturated' AND i.expires_at > $4
           AND i.subject = creative_id || '/' || exchange || '|' || c.size)
       GROUP BY 1, 2, 3 ORDER BY 1, 2`,
      [cell, hourMs - EXPOSURE_HOURS * HOUR_MS, hourMs, new Date(nowMs)],
    );
    return rows.flatMap(({ exchange, creativeId, size, bids, repeats }): Announcement[] => {
      const reason = saturationReason({ bids: Number(bids), repeats: Number(repeats) });
      if (reason === null) return [];
      const action = { creativeId, segment: segmentOf(exchange, size) };
      const expiresAtMs = nowMs + INTENT_LIFETIME_MS['frequency.saturated'];
      return [{ kind: 'frequency.saturated', action, reason, expiresAtMs, period: String(hourMs) }];
    });
  }
}

const floorTo = (atMs: number, lengthMs: number) => Math.floor(atMs / lengthMs) * lengthMs;
const twoSided = (z: number): number => 2 * (1 - normalCdf(Math.abs(z)));
