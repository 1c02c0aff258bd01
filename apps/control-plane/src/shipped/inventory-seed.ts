import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { AdvertiserRepository } from '../advertisers/advertiser.repository';
import { advertiserInputSchema, campaignInputSchema } from '#domain/contracts/campaign';
import { creativeSchema } from '#domain/contracts/creative';
import { CampaignRepository } from '../campaigns/campaign.repository';
import { CreativeRepository } from '../creatives/creative.repository';
import { BudgetLedger } from '../edges/budget-ledger.service';

const id = z.string().min(1).max(64);

/** `demo-inventory.json`: contract inputs with ids of their own. */
export const inventorySchema = z.object({
  advertisers: z.array(z.object({ advertiserId: id, ...advertiserInputSchema.shape })),
  campaigns: z.array(z.object({ campaignId: id, ...campaignInputSchema.shape })),
  creatives: z.array(creativeSchema),
});
export type Inventory = z.infer<typeof inventorySchema>;

/** Writes a shipped inventory as if ad ops had entered it, budgets funded. */
@Injectable()
export class InventorySeed {
  constructor(
    private readonly advertisers: AdvertiserRepository,
    private readonly campaigns: CampaignRepository,
    private readonly creatives: CreativeRepository,
    private readonly ledger: BudgetLedger,
  ) {}

  /** @throws when an id exists already: the inventory is for a fresh database. */
  async write(manager: EntityManager, inventory: Inventory): Promise<void> {
    for (const { advertiserId, ...input } of inventory.advertisers) {
      await this.advertisers.create(manager, input, advertiserId);
    }
    for (const { campaignId, ...fields } of inventory.campaigns) {
      const input = campaignInputSchema.parse(fields);
      await this.campaigns.create(manager, input, campaignId);
      await this.ledger.fund(manager, campaignId, input.totalBudgetMicros);
    }
    for (const { creativeId, ...input } of inventory.creatives) await this.creatives.create(manager, input, creativeId);
  }
}
