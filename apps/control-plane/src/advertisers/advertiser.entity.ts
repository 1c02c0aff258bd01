import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';
import { bigintNumber } from '../database/bigint-number';

@Entity('advertiser')
export class AdvertiserEntity {
  @PrimaryColumn({ type: 'text', name: 'advertiser_id' })
  advertiserId!: string;

  @Column({ type: 'integer', default: 1 })
  version!: number;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text' })
  domain!: string;

  /** Of all its campaigns together, micros of the fleet's currency; null = the sum of theirs. */
  @Column({ type: 'bigint', name: 'daily_budget_micros', nullable: true, transformer: bigintNumber })
  dailyBudgetMicros!: number | null;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;
}
