import type { Arm } from '../contracts/agent';
import type { NoBidReason } from '../contracts/no-bid-reason';

/**
 * What a decision may read of the serving process's state. Reads are synchronous and have no effect; every value read is
 * recorded in the decision, so that a replay can answer the same reads from the record.
 */
export interface StateReader {
  /** Budget agent's multiplier m and pass-through probability p_t of one campaign and arm. */
  pacing(campaignId: string, arm: Arm): { multiplier: number; passThrough: number };
  /** Budget that the arm may still reserve, nanos. */
  freeNanos(campaignId: string, arm: Arm): number;
  /** Impressions (reserved or confirmed) of a user under one cap; `capKey` = `${scope}:${id}:${windowMinutes}`. */
  capCount(capKey: string, userKey: string): number;
  /** Exposures of a user to a creative in the last 24 h. */
  exposures24h(creativeId: string, userKey: string): number;
  /** Share of the campaign's exploration allowance that is still unused, 0..1. */
  explorationLeft(campaignId: string, arm: Arm): number;
  /**
   * Told about campaigns that match removes, for counters per campaign; those without a creative of the size are not named. Of very many
   * only some are named, and `weight` says for how many each stands.
   */
  onFiltered?(campaignId: string, reason: NoBidReason, weight: number): void;
}

/** Key under which a frequency cap counts; shared by match, the edge's counters and replay. */
export const capKeyOf = (scope: 'creative' | 'campaign' | 'advertiser', id: string, windowMinutes: number): string =>
  `${scope}:${id}:${windowMinutes}`;
