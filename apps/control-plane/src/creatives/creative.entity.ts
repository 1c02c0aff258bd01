import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn } from 'typeorm';
import type { Creative, CreativeInput, CreativeType } from '#domain/contracts/creative';

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
  type!: CreativeType;

  /** What only this format has: a banner's markup and size, a video's files, a native ad's texts and images; and its DSA statement. */
  @Column({ type: 'jsonb' })
  asset!: object;

  @Column({ type: 'text', name: 'landing_url' })
  landingUrl!: string;

  @Column({ type: 'text', array: true })
  domains!: string[];

  @Column({ type: 'text', array: true })
  categories!: string[];

  @Column({ type: 'smallint', array: true })
  attributes!: number[];

  @Column({ type: 'text', array: true })
  languages!: string[];

  @Column({ type: 'smallint', array: true })
  apis!: number[];

  @Column({ type: 'text', name: 'app_bundle', nullable: true })
  appBundle!: string | null;

  @Column({ type: 'text', name: 'review_state' })
  reviewState!: 'pending' | 'approved' | 'rejected';

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt!: Date;
}

type Content = Omit<CreativeEntity, 'creativeId' | 'version' | 'createdAt' | 'updatedAt'>;

/** What ad ops wrote; it went through the contract's schema then. */
export function toCreativeInput(row: Content): CreativeInput {
  return {
    campaignId: row.campaignId,
    name: row.name,
    type: row.type,
    landingUrl: row.landingUrl,
    domains: row.domains,
    categories: row.categories,
    attributes: row.attributes,
    languages: row.languages,
    apis: row.apis,
    ...(row.appBundle !== null && { appBundle: row.appBundle }),
    reviewState: row.reviewState,
    ...row.asset,
  } as CreativeInput;
}

/** The columns of what ad ops wrote. */
export function contentOf(input: CreativeInput): Content {
  const { campaignId, name, type, landingUrl, domains, categories, attributes, languages, apis, ...rest } = input;
  const { appBundle = null, reviewState, ...asset } = rest;
  return {
    campaignId,
    name,
    type,
    landingUrl,
    domains,
    categories,
    attributes,
    languages,
    apis,
    appBundle,
    reviewState,
    asset,
  };
}

/** The contract's form of a row. */
export function toCreative(row: CreativeEntity): Creative {
  return { creativeId: row.creativeId, ...toCreativeInput(row) };
}
