import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn } from 'typeorm';
import type { Campaign, CampaignInput, FrequencyCap, Targeting } from '#domain/contracts/campaign';
import { bigintNumber } from '../database/bigint-number';

/** One campaign; `version` grows with every change and is its ETag. */
@Entity('campaign')
export class CampaignEntity {
  @PrimaryColumn({ type: 'text', name: 'campaign_id' })
  campaignId!: string;

  @Column({ type: 'integer', default: 1 })
  version!: number;

  @Column({ type: 'text', name: 'advertiser_id' })
  advertiserId!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text' })
  status!: 'active' | 'paused';

  @Column({ type: 'timestamptz', name: 'start_at' })
  startAt!: Date;

  @Column({ type: 'timestamptz', name: 'end_at' })
  endAt!: Date;

  @Column({ type: 'text', name: 'time_zone' })
  timeZone!: string;

  @Column({ type: 'text' })
  currency!: string;

  @Column({ type: 'bigint', name: 'daily_budget_micros', transformer: bigintNumber })
  dailyBudgetMicros!: number;

  @Column({ type: 'bigint', name: 'total_budget_micros', transformer: bigintNumber })
  totalBudgetMicros!: number;

  @Column({ type: 'text' })
  objective!: 'value' | 'surplus';

  @Column({ type: 'text', name: 'goal_kind' })
  goalKind!: 'cpc' | 'cpa';

  /** CPC amount or CPA target. */
  @Column({ type: 'bigint', name: 'goal_amount_micros', transformer: bigintNumber })
  goalAmountMicros!: number;

  @Column({ type: 'bigint', name: 'goal_conversion_value_micros', nullable: true, transformer: bigintNumber })
  goalConversionValueMicros!: number | null;

  @Column({ type: 'bigint', name: 'bid_cap_micros', transformer: bigintNumber })
  bidCapMicros!: number;

  @Column({ type: 'bigint', name: 'safe_bid_micros', transformer: bigintNumber })
  safeBidMicros!: number;

  @Column({ type: 'jsonb' })
  targeting!: Targeting;

  @Column({ type: 'smallint', array: true })
  dayparting!: number[];

  @Column({ type: 'jsonb', name: 'frequency_caps' })
  frequencyCaps!: FrequencyCap[];

  @Column({ type: 'integer', name: 'click_window_minutes' })
  clickWindowMinutes!: number;

  @Column({ type: 'integer', name: 'view_window_minutes' })
  viewWindowMinutes!: number;

  @Column({ type: 'double precision', name: 'exploration_allowance' })
  explorationAllowance!: number;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt!: Date;
}

/** Columns of an input, as they are stored. */
export function campaignColumns(
  input: CampaignInput,
): Omit<CampaignEntity, 'campaignId' | 'version' | 'createdAt' | 'updatedAt'> {
  const { goal, startAt, endAt, attribution, ...same } = input;
  return {
    ...same,
    startAt: new Date(startAt),
    endAt: new Date(endAt),
    clickWindowMinutes: attribution.clickMinutes,
    viewWindowMinutes: attribution.viewMinutes,
    goalKind: goal.kind,
    goalAmountMicros: goal.kind === 'cpc' ? goal.amountMicros : goal.targetMicros,
    goalConversionValueMicros: goal.kind === 'cpa' ? (goal.conversionValueMicros ?? null) : null,
  };
}

/** The contract's form of a row. */
export function toCampaign(row: CampaignEntity): Campaign {
  return { campaignId: row.campaignId, version: row.version, ...toCampaignInput(row) };
}

/** What ad ops wrote, for a change that is merged over it. */
export function toCampaignInput(row: CampaignEntity): CampaignInput {
  const value = row.goalConversionValueMicros;
  return {
    advertiserId: row.advertiserId,
    name: row.name,
    status: row.status,
    startAt: row.startAt.toISOString(),
    endAt: row.endAt.toISOString(),
    timeZone: row.timeZone,
    currency: row.currency,
    dailyBudgetMicros: row.dailyBudgetMicros,
    totalBudgetMicros: row.totalBudgetMicros,
    objective: row.objective,
    goal:
      row.goalKind === 'cpc'
        ? { kind: 'cpc', amountMicros: row.goalAmountMicros }
        : {
            kind: 'cpa',
            targetMicros: row.goalAmountMicros,
            ...(value === null ? {} : { conversionValueMicros: value }),
          },
    bidCapMicros: row.bidCapMicros,
    safeBidMicros: row.safeBidMicros,
    targeting: row.targeting,
    dayparting: row.dayparting,
    frequencyCaps: row.frequencyCaps,
    attribution: { clickMinutes: row.clickWindowMinutes, viewMinutes: row.viewWindowMinutes },
    explorationAllowance: row.explorationAllowance,
  };
}
