import type { DecisionOutputs } from '../contracts/decision-record';
import type { ExchangeSettings } from '../contracts/exchange';
import type { NormalisedRequest } from '../contracts/normalised-request';
import type { ServingIndex } from '../matching/serving-index';

/** Notice and click URLs of one bid, all around one signed token. */
export interface BidUrls {
  nurl: string;
  burl: string;
  lurl: string;
  clickUrl: string;
}

/** What rendering needs of a decision; bid.id = decisionId. */
export interface RenderableDecision {
  decisionId: string;
  inputs: { impIndex: number };
  outputs: DecisionOutputs;
}

/** OpenRTB 2.6 bid response with the decisions that bid, or null when none does (answer 204). */
export declare function renderBidResponse(
  request: NormalisedRequest,
  decisions: readonly RenderableDecision[],
  index: ServingIndex,
  urls: (decision: RenderableDecision) => BidUrls,
  exchange: ExchangeSettings,
): object | null;
