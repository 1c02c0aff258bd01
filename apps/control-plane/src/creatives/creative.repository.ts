import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager, In, MoreThan } from 'typeorm';
import type { Creative, CreativeInput } from '#domain/contracts/creative';
import { decodeCursor, type Page, type PageQuery, pageOf } from '../cursor-page';
import { assertCurrent } from '../etag';
import { prefixedId } from '../prefixed-id';
import { notFound } from '../problems/problem-error';
import { contentOf, CreativeEntity, toCreative, toCreativeInput } from './creative.entity';

/** A creative with its version (ETag). */
export interface VersionedCreative {
  creative: Creative;
  version: number;
}

/** Creatives by id and by campaign; every change makes the next version. */
@Injectable()
export class CreativeRepository {
  constructor(private readonly database: DataSource) {}

  async create(
    manager: EntityManager,
    input: CreativeInput,
    creativeId = prefixedId('crt'),
  ): Promise<VersionedCreative> {
    await manager.insert(CreativeEntity, { creativeId, version: 1, ...contentOf(input) });
    return { creative: { creativeId, ...input }, version: 1 };
  }

  /** As `CampaignRepository.change`. @throws ProblemError `not-found`, `stale-version`. */
  async change(
    manager: EntityManager,
    creativeId: string,
    based: number | null,
    change: (current: CreativeInput) => CreativeInput,
  ): Promise<VersionedCreative> {
    const row = await manager.findOne(CreativeEntity, { where: { creativeId }, lock: { mode: 'for_no_key_update' } });
    if (!row) throw notFound('creative', creativeId);
    assertCurrent(based, row.version);
    const input = change(toCreativeInput(row));
    const version = row.version + 1;
    await manager.update(CreativeEntity, { creativeId }, { ...contentOf(input), version });
    return { creative: { creativeId, ...input }, version };
  }

  /** @throws ProblemError `not-found`. */
  async get(creativeId: string): Promise<VersionedCreative> {
    const row = await this.database.manager.findOneBy(CreativeEntity, { creativeId });
    if (!row) throw notFound('creative', creativeId);
    return { creative: toCreative(row), version: row.version };
  }

  async list(query: PageQuery & { campaignId?: string | undefined }): Promise<Page<Creative>> {
    const after = decodeCursor(query.cursor);
    const rows = await this.database.manager.find(CreativeEntity, {
      where: {
        ...(after === null ? {} : { creativeId: MoreThan(after) }),
        ...(query.campaignId === undefined ? {} : { campaignId: query.campaignId }),
      },
      order: { creativeId: 'ASC' },
      take: query.limit + 1,
    });
    return pageOf(rows.map(toCreative), query.limit, (row) => row.creativeId);
  }

  /** Approved creatives of these campaigns, in the order of their ids. */
  async servable(manager: EntityManager, campaignIds: readonly string[]): Promise<Creative[]> {
    const rows = await manager.find(CreativeEntity, {
      where: { campaignId: In([...campaignIds]), reviewState: 'approved' },
      order: { creativeId: 'ASC' },
    });
    return rows.map(toCreative);
  }
}
