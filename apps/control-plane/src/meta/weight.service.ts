import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { WeightAnswer, WeightWish } from '../../../../activities/watch-activities';
import { policyWeights } from '#domain/matching';
import { IntentRepository } from '../ledger/intent.repository';
import { ServingSetService } from '../registry/serving-set.service';
import { WeightRepository } from '../registry/weight.repository';

/** Changes a reward weight together with its intent: both stand or fall. Publishing is the caller's. */
@Injectable()
export class WeightService {
  constructor(
    private readonly database: DataSource,
    private readonly serving: ServingSetService,
    private readonly weights: WeightRepository,
    private readonly intents: IntentRepository,
  ) {}

  /** Repeating a key changes nothing and answers what was done. Refusals are values: room, unknown campaign, nothing to reverse. */
  async change(wish: WeightWish, nowMs: number): Promise<WeightAnswer> {
    const served = await this.serving.servingSet(wish.cell);
    if (served === null)
      return { changed: false, code: 'NOTHING_SERVED', reason: `cell ${wish.cell} serves nothing yet` };
    const start = policyWeights(served.champion)[wish.weight];
    return this.database.transaction(async (manager) => {
      const known = await manager.query<unknown[]>('SELECT 1 FROM campaign WHERE campaign_id = $1', [wish.campaignId]);
      if (known.length === 0)
        return { changed: false, code: 'UNKNOWN_CAMPAIGN', reason: `there is no campaign ${wish.campaignId}` };
      const outcome = await this.weights.change({ ...wish, start, nowMs }, manager);
      if (!outcome.changed) return outcome;
      const { key, campaignId, weight, kind, by, reason } = wish;
      await this.intents.append(
        {
          key: `${key}/intent`,
          kind: 'weights.changed',
          publisher: kind === 'operator' ? 'operator' : 'meta',
          subject: campaignId,
          action: { weight, from: outcome.from, to: outcome.to, version: outcome.version, kind, by },
          reason,
          expiresAt: null,
        },
        manager,
      );
      return outcome;
    });
  }
}
