import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager, MoreThan } from 'typeorm';
import type { Advertiser, AdvertiserInput } from '#domain/contracts/campaign';
import { decodeCursor, type Page, type PageQuery, pageOf } from '../cursor-page';
import { prefixedId } from '../prefixed-id';
import { notFound } from '../problems/problem-error';
import { AdvertiserEntity } from './advertiser.entity';

/** Advertisers; never changed once made (for now). */
@Injectable()
export class AdvertiserRepository {
  constructor(private readonly database: DataSource) {}

  async create(manager: EntityManager, input: AdvertiserInput, advertiserId = prefixedId('adv')): Promise<Advertiser> {
    await manager.insert(AdvertiserEntity, { advertiserId, ...input });
    return { advertiserId, ...input };
  }

  /** @throws ProblemError `not-found`. */
  async get(advertiserId: string): Promise<Advertiser> {
    const row = await this.database.manager.findOneBy(AdvertiserEntity, { advertiserId });
    if (!row) throw notFound('advertiser', advertiserId);
    return toAdvertiser(row);
  }

  async list(query: PageQuery): Promise<Page<Advertiser>> {
    const after = decodeCursor(query.cursor);
    const rows = await this.database.manager.find(AdvertiserEntity, {
      where: after === null ? {} : { advertiserId: MoreThan(after) },
      order: { advertiserId: 'ASC' },
      take: query.limit + 1,
    });
    return pageOf(rows.map(toAdvertiser), query.limit, (row) => row.advertiserId);
  }
}

const toAdvertiser = ({ advertiserId, name, domain, dailyBudgetMicros }: AdvertiserEntity): Advertiser => ({
  advertiserId,
  name,
  domain,
  ...(dailyBudgetMicros === null ? {} : { dailyBudgetMicros }),
});
