import { type ServedIntents, segmentOf } from '../contracts/agent-intents';

interface Timed<T> {
  readonly value: T;
  readonly expiresAtMs: number;
}

/** The agents' intents of a snapshot, by what they are about; an intent past its time is none. */
export class IntentIndex {
  /** No intent of Bid or Frequency: the hot path then asks nothing. */
  readonly isQuiet: boolean;
  private readonly conservative = new Map<string, number>();
  private readonly saturated = new Map<string, number>();
  private readonly explore = new Map<string, Timed<number>>();
  private readonly pacing = new Map<string, Timed<{ multiplier: number; passThrough: number }>>();

  constructor(intents: ServedIntents | undefined) {
    for (const { segment, expiresAtMs } of intents?.conservative ?? []) this.conservative.set(segment, expiresAtMs);
    for (const { creativeId, segment, expiresAtMs } of intents?.saturated ?? []) {
      this.saturated.set(`${creativeId}|${segment}`, expiresAtMs);
    }
    for (const { campaignId, allowance, expiresAtMs } of intents?.explore ?? []) {
      this.explore.set(campaignId, { value: allowance, expiresAtMs });
    }
    for (const { campaignId, multiplier, passThrough, expiresAtMs } of intents?.pacing ?? []) {
      this.pacing.set(campaignId, { value: { multiplier, passThrough }, expiresAtMs });
    }
    this.isQuiet = this.conservative.size === 0 && this.saturated.size === 0 && this.explore.size === 0;
  }

  /** Bid wants no more risk than it must take on this segment (`bid.conservative`). */
  isConservative(exchange: string, size: string, nowMs: number): boolean {
    return (this.conservative.get(segmentOf(exchange, size)) ?? 0) > nowMs;
  }

  /** Frequency wants another variant on this segment (`frequency.saturated`). */
  isSaturated(creativeId: string, exchange: string, size: string, nowMs: number): boolean {
    return (this.saturated.get(`${creativeId}|${segmentOf(exchange, size)}`) ?? 0) > nowMs;
  }

  /** Share of spend that Creative means to explore with (`creative.explore`), or null when it has said nothing. */
  exploreAllowance(campaignId: string, nowMs: number): number | null {
    return alive(this.explore.get(campaignId), nowMs);
  }

  /** Where the fleet's Budget agent stood in the last tick (`pacing.target`), or null. */
  pacingTarget(campaignId: string, nowMs: number): { multiplier: number; passThrough: number } | null {
    return alive(this.pacing.get(campaignId), nowMs);
  }
}

const alive = <T>(timed: Timed<T> | undefined, nowMs: number): T | null =>
  timed !== undefined && timed.expiresAtMs > nowMs ? timed.value : null;
