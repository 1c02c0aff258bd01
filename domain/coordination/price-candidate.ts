import { BidGrid, choosePrice, safeBid, shadeOf, type PriceAnswer, type PriceQuestion } from '../agents/bid';
import type { CreativeChoice } from '../agents/creative';
import { FALLBACK_BASE, fatigueFactor } from '../agents/frequency';
import type { NoBidReason } from '../contracts/no-bid-reason';
import type { Survivor } from '../matching/match';
import type { ServedCreative } from '../matching/served-campaign';
import { drawUniform } from '../random';
import { auctionTerms } from './auction-terms';
import { chooseByIntents } from './creative-by-intents';
import type { ImpressionScene } from './impression-scene';

/** Purposes of a random draw: each has its own lane per impression and campaign. */
const THROTTLE = 0;
const CREATIVE = 1;
const EXPLORE = 2;
const GRID_POINT = 3;
const TIE = 4;
const PURPOSES = 8;
const LANE_CAMPAIGNS = 65_536;

/** Which constraint gave k. */
export type MultiplierSource = 'budget' | 'cpa' | 'clamp';

/** One campaign's candidate, priced. */
export interface Candidate {
  readonly survivor: Survivor;
  readonly creative: ServedCreative;
  /** Creative's action set; `choice` counts in it. */
  readonly pool: readonly ServedCreative[];
  readonly choice: CreativeChoice;
  /** What Creative would have played had Frequency announced nothing. */
  readonly ownVariant: ServedCreative;
  readonly isConservative: boolean;
  readonly psi: number;
  readonly kBudget: number;
  readonly kCpa: number;
  readonly k: number;
  readonly kFrom: MultiplierSource;
  readonly valueMicros: number;
  readonly vPrimeMicros: number;
  readonly passThrough: number;
  readonly creativeDraw: number;
  readonly question: PriceQuestion | null;
  readonly answer: PriceAnswer;
  /** Bids on a guaranteed deal, and so before all that do not. */
  readonly isGuaranteed: boolean;
  /** Null, or why the campaign plays its safe bid. */
  readonly safeReason: string | null;
  readonly tie: number;
}

/** Scratch of this module: decisions are synchronous, so one grid serves all. */
export const scratchGrid = new BidGrid();

/** Draw of one purpose for one campaign on one impression. */
function draw(scene: ImpressionScene, survivor: Survivor, purpose: number): number {
  const lane = (scene.impIndex * PURPOSES + purpose) * LANE_CAMPAIGNS + survivor.campaign.ordinal;
  return drawUniform(scene.index.snapshot.rngSeed, scene.context.rngCounter, lane);
}

const isQuarantined = (scene: ImpressionScene, agent: string): boolean => scene.context.quarantined.includes(agent);

/**
 * Steps 0 and 2 to 5 for one campaign: Creative draws, then value, multiplier, shading, clamp. A reason when the campaign does not
 * bid. Throws when an agent does; the caller then plays the safe bid.
 */
export function priceCandidate(scene: ImpressionScene, survivor: Survivor): Candidate | NoBidReason {
  const { impression, context, request } = scene;
  const { campaign, state } = survivor;
  const params = campaign.tuned[context.arm];
  const isPaced = !isQuarantined(scene, 'budget');
  const passThrough = isPaced ? state.passThrough : 1;
  if (draw(scene, survivor, THROTTLE) >= passThrough) return 'throttled';

  const creativeDraw = draw(scene, survivor, CREATIVE);
  const epsilon = isQuarantined(scene, 'creative') ? 1 : params.creative.epsilon;
  const intended = chooseByIntents(scene, survivor, epsilon, creativeDraw);
  const { pool, choice } = intended;
  const creative = pool[choice.playedIndex] as ServedCreative;

  const fatigue = isQuarantined(scene, 'frequency') ? { base: FALLBACK_BASE } : params.frequency;
  const psi = fatigueFactor(fatigue, state.exposures24h[creative.creativeId] ?? 0);
  const multiplier = combine(scene, survivor, isPaced ? state.pacingMultiplier : 1);
  const valueMicros = creative.estimates[context.arm].valueMicros;
  const vPrimeMicros = multiplier.k * psi * valueMicros;
  if (!Number.isFinite(vPrimeMicros)) throw new RangeError(`value of ${campaign.campaignId} is no number`);
  const terms = auctionTerms(request, impression, survivor.deal, creative.creative);
  const floor = terms.floorMicros;
  if (vPrimeMicros < 1 && !terms.isGuaranteed) return 'no-surplus';
  const isTooDear = vPrimeMicros < floor && !terms.isGuaranteed;
  if (isTooDear || campaign.bidCapMicros < Math.max(1, floor))
    return terms.auctionType === 3 ? 'off-deal-price' : 'below-floor';

  const question: PriceQuestion = {
    // A guaranteed deal is worth its floor by contract, whatever the agents make of the impression.
    valueMicros: terms.isGuaranteed ? Math.max(1, vPrimeMicros, floor) : vPrimeMicros,
    floorMicros: floor,
    capMicros: campaign.bidCapMicros,
    auctionType: terms.auctionType,
    mu: scene.mu,
    sigma: scene.sigma,
    hasLaw: scene.hasLaw,
    shade: scene.hasLaw ? 1 : shadeOf(scene.index.snapshot.shadingTable, request.exchange, creative.size, floor),
    mayExplore: intended.mayExplorePrice,
    exploreDraw: draw(scene, survivor, EXPLORE),
    pointDraw: draw(scene, survivor, GRID_POINT),
  };
  const answer = choosePrice(params.bid, question, scratchGrid);
  return {
    survivor,
    creative,
    pool,
    choice,
    ownVariant: intended.ownVariant,
    isConservative: intended.isConservative,
    psi,
    kBudget: multiplier.kBudget,
    kCpa: multiplier.kCpa,
    k: multiplier.k,
    kFrom: multiplier.kFrom,
    valueMicros,
    vPrimeMicros,
    passThrough,
    creativeDraw,
    question,
    answer,
    isGuaranteed: terms.isGuaranteed,
    safeReason: null,
    tie: draw(scene, survivor, TIE),
  };
}

/**
 * Step 3: k = min(k_budget, k_CPA), clamped to [k_min, k_max]; a campaign that maximises surplus keeps k <= 1. The minimum, never
 * the product (Balseiro et al., arXiv 2302.08530).
 */
function combine(
  scene: ImpressionScene,
  survivor: Survivor,
  kBudget: number,
): { kBudget: number; kCpa: number; k: number; kFrom: MultiplierSource } {
  const { kMin, kMax } = survivor.campaign.tuned[scene.context.arm].budget;
  const { isSurplus, kCpa } = survivor.campaign;
  const least = Math.min(kBudget, kCpa);
  const ceiling = isSurplus ? Math.min(1, kMax) : kMax;
  const k = Math.min(ceiling, Math.max(Math.min(kMin, ceiling), least));
  const kFrom = k !== least ? 'clamp' : kBudget <= kCpa ? 'budget' : 'cpa';
  return { kBudget, kCpa, k, kFrom };
}

const NO_CHOICE: CreativeChoice = { bestIndex: 0, drawnIndex: 0, playedIndex: 0, propensity: 1 };

/** The campaign's hard-coded last resort: first surviving creative, safe bid within floor and cap. */
export function safeCandidate(scene: ImpressionScene, survivor: Survivor, reason: string): Candidate | NoBidReason {
  const { campaign, deal } = survivor;
  const creative = survivor.creatives[0] as ServedCreative;
  const terms = auctionTerms(scene.request, scene.impression, deal, creative.creative);
  const isFixed = terms.auctionType === 3;
  const safe = terms.isGuaranteed ? Math.max(campaign.safeBidMicros, terms.floorMicros) : campaign.safeBidMicros;
  const offered = safeBid(safe, terms.floorMicros, campaign.bidCapMicros);
  if (offered === 0) return isFixed ? 'off-deal-price' : 'below-floor';
  const price = isFixed ? Math.max(1, terms.floorMicros) : offered;
  return {
    survivor,
    creative,
    pool: survivor.creatives,
    choice: NO_CHOICE,
    ownVariant: creative,
    isConservative: false,
    psi: 1,
    kBudget: 1,
    kCpa: 1,
    k: 1,
    kFrom: 'clamp',
    valueMicros: 0,
    vPrimeMicros: 0,
    passThrough: 1,
    creativeDraw: 0,
    question: null,
    answer: {
      proposalMicros: price,
      priceMicros: price,
      gridIndex: -1,
      bestIndex: -1,
      wantedToExplore: false,
      score: 0,
      winProbability: 0,
    },
    isGuaranteed: terms.isGuaranteed,
    safeReason: reason,
    tie: draw(scene, survivor, TIE),
  };
}
