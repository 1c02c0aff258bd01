import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Campaign } from '#domain/contracts/campaign';
import type { WeightState } from '#domain/contracts/campaign-weights';
import type { PolicySnapshot } from '#domain/contracts/policy-snapshot';
import { ActiveIntents } from '../agents/active-intents';
import { CampaignRepository } from '../campaigns/campaign.repository';
import { CreativeRepository } from '../creatives/creative.repository';
import { CreativeStats } from '../lake/creative-stats';
import { ProblemError } from '../problems/problem-error';
import { ServingSetService } from '../registry/serving-set.service';
import { CellSettings } from './cell-settings';

/** A snapshot without its identity: what is compared to see whether anything changed. */
export type SnapshotContent = Omit<PolicySnapshot, 'snapshotId' | 'version' | 'issuedAtMs'>;

/** Reads everything that goes into a snapshot but its identity. */
@Injectable()
export class SnapshotContentReader {
  constructor(
    private readonly campaigns: CampaignRepository,
    private readonly creatives: CreativeRepository,
    private readonly settings: CellSettings,
    private readonly serving: ServingSetService,
    private readonly stats: CreativeStats,
    private readonly intents: ActiveIntents,
  ) {}

  /** @throws ProblemError `not-ready` while the cell is not seeded. */
  async read(manager: EntityManager, fleet: string, cell: string, nowMs: number): Promise<SnapshotContent> {
    const setting = await this.settings.find(cell, manager);
    const serving = await this.serving.servingSet(cell);
    if (!setting || !serving) throw new ProblemError('not-ready', `Cell ${cell} has nothing to serve yet.`);
    const campaigns = await this.campaigns.servable(manager, nowMs);
    const creatives = await this.creatives.servable(
      manager,
      campaigns.map((campaign) => campaign.campaignId),
    );
    const stats = await this.stats.of(creatives.map((creative) => creative.creativeId));
    const creativeStats = Object.fromEntries(
      creatives.map(({ creativeId }) => [creativeId, stats[creativeId] ?? { impressions: 0, clicks: 0 }]),
    );
    const { champion, canary, shadows, autonomyBps, kill, seals } = serving;
    const weights = servedWeights(serving.weights, campaigns);
    const policies = { champion, canary, shadows, autonomyBps, kill, seals, ...(weights && { weights }) };
    const inventory = { campaigns, creatives, creativeStats, standaloneGrantNanos: {} };
    const agentIntents = await this.intents.served(manager, nowMs);
    const announced = agentIntents === undefined ? {} : { agentIntents };
    return { schemaVersion: 1, fleet, cell, ...setting, ...policies, ...inventory, ...announced };
  }
}

/** Weights of the campaigns that are served; the version stays that of the whole cell. */
function servedWeights(weights: WeightState | null, campaigns: readonly Campaign[]): WeightState | null {
  if (weights === null) return null;
  const served = campaigns.flatMap(({ campaignId }) => {
    const own = weights.campaigns[campaignId];
    return own === undefined ? [] : [[campaignId, own] as const];
  });
  return { version: weights.version, campaigns: Object.fromEntries(served) };
}
