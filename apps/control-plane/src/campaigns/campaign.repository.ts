import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager, MoreThan } from 'typeorm';
import type { Campaign, CampaignInput } from '#domain/contracts/campaign';
import { decodeCursor, type Page, type PageQuery, pageOf } from '../cursor-page';
import { assertCurrent } from '../etag';
import { prefixedId } from '../prefixed-id';
import { notFound } from '../problems/problem-error';
import { CampaignEntity, campaignColumns, toCampaign, toCampaignInput } from './campaign.entity';

/** Campaigns by id; every change makes the next version. */
@Injectable()
export class CampaignRepository {
  constructor(private readonly database: DataSource) {}

  async create(manager: EntityManager, input: CampaignInput, campaignId = prefixedId('cmp')): Promise<Campaign> {
    await manager.insert(CampaignEntity, { campaignId, version: 1, ...campaignColumns(input) });
    return toCampaign(await manager.findOneByOrFail(CampaignEntity, { campaignId }));
  }

  /**
   * Locks the campaign, lets `change` make its next input out of the current one, stores it as the next version.
   * @throws ProblemError `not-found`, `stale-version` when `based` is not the current version (null = any).
   */
  async change(
    manager: EntityManager,
    campaignId: string,
    based: number | null,
    change: (current: CampaignInput) => CampaignInput,
  ): Promise<Campaign> {
    // Not FOR UPDATE: grants refer to the campaign while they hold its budget, which a change also needs.
    const lock = { mode: 'for_no_key_update' } as const;
    const row = await manager.findOne(CampaignEntity, { where: { campaignId }, lock });
    if (!row) throw notFound('campaign', campaignId);
    assertCurrent(based, row.version);
    const columns = campaignColumns(change(toCampaignInput(row)));
    await manager.update(CampaignEntity, { campaignId }, { ...columns, version: row.version + 1 });
    return toCampaign(await manager.findOneByOrFail(CampaignEntity, { campaignId }));
  }

  /** @throws ProblemError `not-found`. */
  async get(campaignId: string): Promise<Campaign> {
    const row = await this.database.manager.findOneBy(CampaignEntity, { campaignId });
    if (!row) throw notFound('campaign', campaignId);
    return toCampaign(row);
  }

  async list(query: PageQuery): Promise<Page<Campaign>> {
    const after = decodeCursor(query.cursor);
    const rows = await this.database.manager.find(CampaignEntity, {
      where: after === null ? {} : { campaignId: MoreThan(after) },
      order: { campaignId: 'ASC' },
      take: query.limit + 1,
    });
    return pageOf(rows.map(toCampaign), query.limit, (row) => row.campaignId);
  }

  /** Campaigns that an edge needs: active and not over, in the order of their ids. */
  async servable(manager: EntityManager, nowMs: number): Promise<Campaign[]> {
    const rows = await manager.find(CampaignEntity, {
      where: { status: 'active', endAt: MoreThan(new Date(nowMs)) },
      order: { campaignId: 'ASC' },
    });
    return rows.map(toCampaign);
  }
}
