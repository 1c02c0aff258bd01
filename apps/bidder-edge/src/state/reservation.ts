import type { Arm } from '#domain/contracts';

/** What one bid holds until its bill, its loss or its expiry. */
export interface Reservation {
  decisionId: string;
  exchange: string;
  campaignId: string;
  creativeId: string;
  arm: Arm;
  grantId: string;
  priceNanos: number;
  userKey: string | null;
  capKeys: string[];
  isExploratory: boolean;
  expiresAtMs: number;
}

/** A reservation whose bid has not gone out. */
export type Hold = Omit<Reservation, 'decisionId'>;

/** One hard cap that a bid must keep. */
export interface CapLimit {
  readonly capKey: string;
  readonly maxImpressions: number;
}

export interface ReserveRequest {
  exchange: string;
  campaignId: string;
  creativeId: string;
  arm: Arm;
  priceNanos: number;
  userKey: string | null;
  caps: readonly CapLimit[];
  /** Seconds that may pass until the impression; absent or 0 = not said. */
  expirySeconds?: number;
}
