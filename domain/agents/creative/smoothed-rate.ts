import type { CreativeParams } from '../../contracts/agent';

/** Clicks and impressions of one creative: the agent's state. */
export interface CreativeCounts {
  impressions: number;
  clicks: number;
}

/** Click probability with pseudo-counts: (clicks + priorClicks) / (impressions + priorImpressions), at most 1. */
export function smoothedClickRate(params: CreativeParams, counts: CreativeCounts | undefined): number {
  const clicks = params.priorClicks + Math.max(0, counts?.clicks ?? 0);
  const impressions = params.priorImpressions + Math.max(0, counts?.impressions ?? 0);
  return Math.min(1, clicks / impressions);
}
