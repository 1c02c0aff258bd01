import type { Arm, AttributionWindows, BillableEvent } from '#domain/contracts';

/** Fields under the MAC of one bid's token. */
export interface NoticeToken {
  decisionId: string;
  exchange: string;
  campaignId: string;
  creativeId: string;
  arm: Arm;
  rolloutId: string;
  stage: number;
  /** −1 without a usable id. */
  userBucket: number;
  /** Price bid, CPM micros of the fleet's currency: no notice can cost more. */
  maxMicros: number;
  bidCurrency: string;
  decidedAtMs: number;
  expiresAtMs: number;
  /** Grant that holds the reservation; '' for test bids. */
  grantId: string;
  isTest: boolean;
  /** Realised value of a click and of a conversion, nanos. */
  clickValueNanos: number;
  conversionValueNanos: number;
  /** Whether the user had seen the creative three times in 24 h when the bid was made. */
  isRepeat: boolean;
  /** Of the request, for the segments of a rollout's plan. */
  country: string;
  deviceType: number;
  /** Impressions that one showing counts for; a notice's price is for one of them. */
  quantity: number;
  /** Clicks and conversions may be ascribed to the ad. */
  mayMeasure: boolean;
  /** Which notice bills. */
  billableEvent: BillableEvent;
  /** For how long conversions count. */
  attribution: AttributionWindows;
  /** Of the token that a click hands to the landing page, when the click was heard; null on all others. It is for conversions only. */
  clickedAtMs: number | null;
  /** Whose history the notice belongs to, 16 hex digits; null without a user or consent to a profile. Sealed in the text. */
  userKey: string | null;
}

export type TokenFault = 'malformed' | 'forged' | 'expired';
export type TokenVerdict = { ok: true; token: NoticeToken } | { ok: false; fault: TokenFault };
