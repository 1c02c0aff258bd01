import { BidGrid, choosePrice, isBelievable, shadeOf, winProbability, type PriceQuestion } from '../agents/bid';
import type { PolicyBundle } from '../contracts/agent';
import type { ImpressionDecision } from './request-context';
import { auctionTerms, dealOf } from './auction-terms';
import type { ServingIndex } from '../matching/serving-index';

/** What a shadow policy would have bid for the campaign and creative that the serving arm chose. */
export interface ShadowAction {
  bidMicros: number;
  championBidMicros: number;
  /** Expected surplus of either bid under the serving arm's win law, CPM micros. */
  expectedSurplusMicros: number;
  championExpectedSurplusMicros: number;
  mu: number;
  sigma: number;
  /** Null, or why the shadow's inference was not usable. */
  error: string | null;
}

const grid = new BidGrid();

/**
 * The shadow's price for a decided impression: same value, floor and cap, its own law (mu, sigma) or, without a believable one, the
 * shading table, as the edge would; no exploration and no effect. Null when the impression was not bid on by a model or a baseline.
 */
export function shadowAction(
  index: ServingIndex,
  policies: PolicyBundle,
  decision: ImpressionDecision,
  mu: number,
  sigma: number,
): ShadowAction | null {
  const { inputs, outputs } = decision;
  const impression = inputs.request.impressions[inputs.impIndex];
  const campaign = outputs.campaignId === null ? undefined : index.campaignById.get(outputs.campaignId);
  const scene = outputs.counterfactual;
  if (impression === undefined || campaign === undefined || scene === null || !(scene.vPrimeMicros > 0)) return null;
  const served = index.creativeById.get(outputs.creativeId ?? '');
  if (served === undefined) return null;
  const deal = dealOf(impression, outputs.dealId);
  const { floorMicros, auctionType } = auctionTerms(inputs.request, impression, deal, served.creative);
  const hasLaw = isBelievable(policies.bid.params, mu, sigma);
  const question: PriceQuestion = {
    valueMicros: scene.vPrimeMicros,
    floorMicros,
    capMicros: campaign.bidCapMicros,
    auctionType,
    mu,
    sigma,
    hasLaw,
    shade: hasLaw ? 1 : shadeOf(index.snapshot.shadingTable, inputs.request.exchange, outputs.size ?? '', floorMicros),
    mayExplore: false,
    exploreDraw: 1,
    pointDraw: 0,
  };
  const { priceMicros } = choosePrice(policies.bid.params, question, grid);
  const surplus = (bid: number): number =>
    scene.sigma > 0 ? (scene.vPrimeMicros - bid) * winProbability(bid, scene.mu, scene.sigma) : 0;
  return {
    bidMicros: priceMicros,
    championBidMicros: outputs.bidMicros,
    expectedSurplusMicros: surplus(priceMicros),
    championExpectedSurplusMicros: surplus(outputs.bidMicros),
    mu,
    sigma,
    error: hasLaw ? null : 'not-believable',
  };
}
