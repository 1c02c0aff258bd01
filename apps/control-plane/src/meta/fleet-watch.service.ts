import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ZoneClock } from '#domain/calendar/zone-clock';
import type { Campaign } from '#domain/contracts/campaign';
import type { FxTable } from '#domain/contracts/exchange';
import type { WeightName } from '#domain/contracts/weight-ranges';
import { policyWeights } from '#domain/matching';
import { plannedShare, watchScope, type CampaignWatch, type WatchedScope, type WatchSums } from '#domain/meta';
import { amountToBaseMicros } from '#domain/money';
import { CampaignRepository } from '../campaigns/campaign.repository';
import { CellSettings } from '../edges/cell-settings';
import { KpiRepository } from '../lake/kpi.repository';
import { KpiWindows } from '../lake/kpi-windows.repository';
import { ServingSetService } from '../registry/serving-set.service';
import { WeightRepository, type WeightEvent } from '../registry/weight.repository';

const WEEK_MS = 7 * 86_400_000;

/** A window of decision time whose outcomes have arrived. */
export interface WatchWindow {
  cell: string;
  fromMs: number;
  toMs: number;
}

/** Sums of one campaign over both arms. */
type CampaignTotals = Record<(typeof SUMMED)[number], number>;

/** Reads what the meta-agent's policies judge: campaigns with their goals, plans and weights; KPIs of every scope. */
@Injectable()
export class FleetWatchService {
  constructor(
    private readonly database: DataSource,
    private readonly campaigns: CampaignRepository,
    private readonly kpis: KpiRepository,
    private readonly windows: KpiWindows,
    private readonly settings: CellSettings,
    private readonly serving: ServingSetService,
    private readonly weights: WeightRepository,
  ) {}

  /** Every campaign with traffic in the window; empty while the cell serves nothing. */
  async campaignWatches(window: WatchWindow, nowMs: number): Promise<CampaignWatch[]> {
    const [served, setting] = await Promise.all([
      this.serving.servingSet(window.cell),
      this.settings.find(window.cell),
    ]);
    if (!served || !setting) return [];
    const starts = policyWeights(served.champion);
    const events = byCampaign(await this.weights.events(window.cell, nowMs - WEEK_MS));
    const totals = await this.totals(window);
    const known = await this.campaigns.servable(this.database.manager, nowMs);
    return known.flatMap((campaign): CampaignWatch[] => {
      const sums = totals.get(campaign.campaignId);
      if (sums === undefined) return [];
      const { campaignId, goal } = campaign;
      const own = served.weights?.campaigns[campaignId];
      const changes = events.get(campaignId) ?? [];
      const goalEvents = goal.kind === 'cpc' ? sums.clicks : sums.conversions;
      const allowed = inBase(setting.fx, campaign, goal.kind === 'cpc' ? goal.amountMicros : goal.targetMicros);
      return [
        {
          campaignId,
          impressions: sums.impressions,
          goalEvents,
          spendNanos: sums.spendNanos,
          goalCostNanos: goalEvents * allowed * 1000,
          plannedNanos: planned(campaign, setting.fx, served.champion.budget.params.trafficShares, window),
          repeats: sums.repeats,
          weights: { ...starts, ...own },
          starts,
          moves: movesOf(changes),
          lastStep: lastStepOf(changes),
          reversedAtMs: changes.findLast((event) => event.kind === 'reversal')?.atMs ?? null,
        },
      ];
    });
  }

  /** KPIs of the fleet and of each campaign in a window and in the one before it, with what is wrong. */
  async scopes(fleet: string, window: WatchWindow, nowMs: number): Promise<WatchedScope[]> {
    const before = { ...window, fromMs: 2 * window.fromMs - window.toMs, toMs: window.fromMs };
    const served = await this.serving.servingSet(window.cell);
    const setting = await this.settings.find(window.cell);
    const [now, then] = await Promise.all([this.totals(window), this.totals(before)]);
    const known = await this.campaigns.servable(this.database.manager, nowMs);
    const shares = served?.champion.budget.params.trafficShares ?? [];
    const scopes = known.flatMap((campaign) => {
      const sums = now.get(campaign.campaignId);
      const former = then.get(campaign.campaignId);
      if (!sums || !former) return [];
      const plan = (at: WatchWindow) => (setting ? planned(campaign, setting.fx, shares, at) : null);
      const whole = (part: CampaignTotals, at: WatchWindow): WatchSums => ({
        ...NOT_PER_CAMPAIGN,
        ...part,
        plannedNanos: plan(at),
      });
      return [watchScope('campaign', campaign.campaignId, whole(sums, window), whole(former, before))];
    });
    return [
      watchScope('fleet', fleet, await this.fleetSums(window), await this.fleetSums(before)),
      ...scopes,
      ...(await this.segments(window, before)),
    ];
  }

  private async fleetSums({ cell, fromMs, toMs }: WatchWindow): Promise<WatchSums> {
    const [totals, modes] = await Promise.all([
      this.windows.fleet(cell, fromMs, toMs),
      this.windows.modes(cell, fromMs, toMs),
    ]);
    return { ...totals, ...modes, plannedNanos: null };
  }

  private async totals({ cell, fromMs, toMs }: WatchWindow): Promise<Map<string, CampaignTotals>> {
    const totals = new Map<string, CampaignTotals>();
    for (const row of await this.kpis.campaignSums(cell, fromMs, toMs)) {
      const sums = totals.get(row.campaignId) ?? { ...NOTHING };
      for (const name of SUMMED) sums[name] += row[name];
      totals.set(row.campaignId, sums);
    }
    return totals;
  }

  /** Segments are counted while a rollout's plan registers them. */
  private async segments(window: WatchWindow, before: WatchWindow): Promise<WatchedScope[]> {
    const [now, then] = await Promise.all([
      this.windows.segments(window.cell, window.fromMs, window.toMs),
      this.windows.segments(before.cell, before.fromMs, before.toMs),
    ]);
    return [...now].flatMap(([id, sums]) => {
      const former = then.get(id);
      const whole = (part: typeof sums): WatchSums => ({
        ...part,
        decisions: null,
        plannedNanos: null,
        fallbacks: null,
      });
      return former ? [watchScope('segment', id, whole(sums), whole(former))] : [];
    });
  }
}

const SUMMED = ['bids', 'wins', 'impressions', 'clicks', 'conversions', 'valueNanos', 'spendNanos', 'repeats'] as const;
const NOTHING: CampaignTotals = {
  bids: 0,
  wins: 0,
  impressions: 0,
  clicks: 0,
  conversions: 0,
  valueNanos: 0,
  spendNanos: 0,
  repeats: 0,
};
const NOT_PER_CAMPAIGN = { eligible: null, decisions: null, fallbacks: null };

const inBase = (fx: FxTable, campaign: Campaign, micros: number): number =>
  amountToBaseMicros(fx, campaign.currency, micros) ?? 0;

/** What the daily budget plans for the window, nanos of the fleet's currency; null outside the flight. */
function planned(campaign: Campaign, fx: FxTable, shares: readonly number[], window: WatchWindow): number | null {
  const fromMs = Math.max(window.fromMs, Date.parse(campaign.startAt));
  const toMs = Math.min(window.toMs, Date.parse(campaign.endAt));
  // A campaign that began or ended within the window has no whole window to be held to.
  if (fromMs !== window.fromMs || toMs !== window.toMs) return null;
  const share = plannedShare(new ZoneClock(campaign.timeZone), shares, campaign.dayparting, fromMs, toMs);
  return share * inBase(fx, campaign, campaign.dailyBudgetMicros) * 1000;
}

function byCampaign(events: readonly WeightEvent[]): Map<string, WeightEvent[]> {
  const groups = new Map<string, WeightEvent[]>();
  for (const event of events) groups.set(event.campaignId, [...(groups.get(event.campaignId) ?? []), event]);
  return groups;
}

function movesOf(events: readonly WeightEvent[]): CampaignWatch['moves'] {
  const moves: Partial<Record<WeightName, { atMs: number; from: number; to: number }[]>> = {};
  for (const { weight, atMs, from, to } of events) (moves[weight] ??= []).push({ atMs, from, to });
  return moves;
}

/** The campaign's newest change, when the meta-agent made it and has not taken it back. */
function lastStepOf(events: readonly WeightEvent[]): CampaignWatch['lastStep'] {
  const last = events.at(-1);
  if (last === undefined || last.kind !== 'step' || last.evidence === null) return null;
  const { weight, atMs, from, to, evidence } = last;
  return { weight, move: { atMs, from, to }, before: evidence };
}
