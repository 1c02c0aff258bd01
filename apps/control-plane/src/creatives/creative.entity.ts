import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn } from 'typeorm';
import type { Creative, CreativeInput } from '#domain/contracts/creative';

/** One creative; its id is the stable `crid` of every bid. */
@Entity('creative')
export class CreativeEntity {
  @PrimaryColumn({ type: 'text', name: 'creative_id' })
  creativeId!: string;

  @Column({ type: 'integer', default: 1 })
  version!: number;

  @Column({ type: 'text', name: 'campaign_id' })
  campaignId!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text' })
  type!: 'banner';

  @Column({ type: 'integer' })
  width!: number;

  @Column({ type: 'integer' })
  height!: number;

  @Column({ type: 'text' })
  markup!: string;

  @Column({ type: 'text', name: 'landing_url' })
  landingUrl!: string;

  @Column({ type: 'text', array: true })
  domains!: string[];

  @Column({ type: 'text', array: true })
  categories!: string[];

  @Column({ type: 'smallint', array: true })
  attributes!: number[];

  @Column({ type: 'text', name: 'review_state' })
  reviewState!: 'pending' | 'approved' | 'rejected';

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt!: Date;
}

/** What ad ops wrote. */
export function toCreativeInput(row: CreativeEntity): CreativeInput {
  return {
    campaignId: row.campaignId,
    name: row.name,
    type: row.type,
    width: row.width,
    height: row.height,
    markup: row.markup,
    landingUrl: row.landingUrl,
    domains: row.domains,
    categories: row.categories,
    attributes: row.attributes,
    reviewState: row.reviewState,
  };
}

/** The contract's form of a row. */
export function toCreative(row: CreativeEntity): Creative {
  return { creativeId: row.creativeId, ...toCreativeInput(row) };
}
