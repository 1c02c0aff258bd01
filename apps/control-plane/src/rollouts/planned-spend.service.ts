import { Injectable } from '@nestjs/common';
import { ZoneClock } from '#domain/calendar/zone-clock';
import type { Campaign } from '#domain/contracts';
import type { PlannedSpend } from '#domain/rollout';
import { SnapshotStore } from '../edges/snapshot-store';

const NANOS_PER_MICRO = 1000;
const HOUR_MS = 3_600_000;
const DAY_HOURS = 24;
/** A window is walked in pieces of a quarter of an hour, and its last two hours stand for a longer one. */
const PIECE_MS = HOUR_MS / 4;
const LONGEST_MS = 2 * HOUR_MS;

/** What the campaigns of a cell meant each arm to spend: their daily budgets along the planned traffic, split by the arms' shares. */
@Injectable()
export class PlannedSpendReader {
  constructor(private readonly snapshots: SnapshotStore) {}

  /**
   * Nanos of the fleet's currency in [fromMs, toMs); undefined without a snapshot or a window.
   * @param canaryShare share of users that the stage serves
   */
  async of(cell: string, canaryShare: number, fromMs: number, toMs: number): Promise<PlannedSpend> {
    const latest = await this.snapshots.latest(cell);
    if (latest === null || !(toMs > fromMs)) return undefined;
    const { campaigns, champion } = await this.snapshots.snapshot(latest.snapshotId);
    const startMs = Math.max(fromMs, toMs - LONGEST_MS);
    const scale = (toMs - fromMs) / (toMs - startMs);
    let nanos = 0;
    for (const campaign of campaigns) {
      const share = shareOfDay(campaign, champion.budget.params.trafficShares, startMs, toMs);
      nanos += share * scale * campaign.dailyBudgetMicros * NANOS_PER_MICRO;
    }
    return { canary: nanos * canaryShare, control: nanos * (1 - canaryShare) };
  }
}

/**
 * Part of a campaign's daily budget that is planned for a window: its share of the local days' predicted traffic within dayparting
 * and flight. @param trafficShares 168 shares by hour of week; a day without any falls back to wall time
 */
export function shareOfDay(campaign: Campaign, trafficShares: readonly number[], fromMs: number, toMs: number): number {
  const clock = new ZoneClock(campaign.timeZone);
  const open = new Set(campaign.dayparting);
  const weightOf = (hourOfWeek: number) =>
    open.size === 0 || open.has(hourOfWeek) ? (trafficShares[hourOfWeek] ?? 0) : 0;
  const startMs = Math.max(fromMs, Date.parse(campaign.startAt));
  const endMs = Math.min(toMs, Date.parse(campaign.endAt));
  let share = 0;
  for (let at = startMs; at < endMs; at += PIECE_MS) {
    const { hourOfWeek, weekday } = clock.at(at);
    let day = 0;
    for (let hour = 0; hour < DAY_HOURS; hour++) day += weightOf(weekday * DAY_HOURS + hour);
    const ofHour = day > 0 ? weightOf(hourOfWeek) / day : 1 / DAY_HOURS;
    share += (ofHour * Math.min(PIECE_MS, endMs - at)) / HOUR_MS;
  }
  return share;
}
