import { gzipSync } from 'node:zlib';
import {
  NBR_BY_REASON,
  seatNonBidStatus,
  type Campaign,
  type DecisionOutputs,
  type NoBidReason,
} from '#domain/contracts';
import type { ImpressionDecision } from '#domain/coordination';
import { profileKey } from '#domain/features';
import { renderBidResponse, type BidUrls, type DecodedRequest } from '#domain/openrtb';
import type { NoticeSigner } from '../notices/token';
import type { EdgeResponse } from '../server/message';
import type { WantedReasons } from './decode';
import type { Received } from './receive';

/** A decision with its name, the grant that holds its money, and for how long. */
export interface NamedDecision extends ImpressionDecision {
  decisionId: string;
  grantId: string;
  lifeMs: number;
}

export interface RespondPorts {
  signer: NoticeSigner;
  /** Base of all URLs that leave this edge, without a trailing slash. */
  noticeBaseUrl(): string;
  tokenTtlMs: number;
}

/** Responses shorter than this are not worth compressing. */
const GZIP_FROM_BYTES = 512;
const NO_CONTENT: Readonly<Record<string, string>> = {};

/** Realised value of a click or a conversion, nanos: the goal is in micros of the fleet's currency. */
const clickValueNanos = ({ goal }: Campaign): number => (goal.kind === 'cpc' ? goal.amountMicros * 1000 : 0);
const conversionValueNanos = ({ goal }: Campaign): number =>
  goal.kind === 'cpa' ? (goal.conversionValueMicros ?? goal.targetMicros) * 1000 : 0;

/** From the fourth impression of a creative in 24 h on; the frequency agent is judged by their share. */
const REPEAT_FROM_EXPOSURES = 3;
function isRepeat({ inputs, outputs }: NamedDecision): boolean {
  const candidate = inputs.candidates.find(({ campaignId }) => campaignId === outputs.campaignId);
  return (candidate?.exposures24h[outputs.creativeId as string] ?? 0) >= REPEAT_FROM_EXPOSURES;
}

/** 204, or 200 with the reasons that the request asked for; `nonBids` only where it asked for those. */
export function noBid(
  request: DecodedRequest | null,
  reason: NoBidReason,
  wants: WantedReasons,
  nonBids: SeatNonBids | null = null,
): EdgeResponse {
  if (request === null || (!wants.nbr && nonBids === null))
    return { status: 204, headers: { ...NO_CONTENT }, body: null };
  const body = JSON.stringify({
    id: request.requestId,
    ...(wants.nbr && { nbr: NBR_BY_REASON[reason] ?? 0 }),
    ...(nonBids !== null && { ext: { seatnonbid: nonBids } }),
  });
  return { status: 200, headers: { 'content-type': 'application/json' }, body };
}

/** `ext.seatnonbid` of a response. */
type SeatNonBids = { seat: string; nonbid: { impid: string; statuscode: number }[] }[];

function seatNonBids(
  request: DecodedRequest,
  decisions: readonly ImpressionDecision[],
  seat: string,
): SeatNonBids | null {
  const nonbid = decisions.flatMap(({ inputs, outputs }) => {
    if (outputs.noBidReason === null) return [];
    const impid = request.impressions[inputs.impIndex]?.impId ?? '';
    return [{ impid, statuscode: seatNonBidStatus(outputs.noBidReason) }];
  });
  return nonbid.length === 0 ? null : [{ seat, nonbid }];
}

/** Seventh stage: OpenRTB response with one signed token per bid in all its URLs, or without a bid what the request wants to know. */
export function respond(
  received: Received,
  request: DecodedRequest,
  decisions: readonly NamedDecision[],
  wants: WantedReasons,
  ports: RespondPorts,
): EdgeResponse {
  const { exchange, live } = received;
  const nonBids = wants.seatNonBid ? seatNonBids(request, decisions, exchange.seat) : null;
  const text = renderBidResponse(
    request,
    decisions,
    live.index,
    (decision) => urlsOf(received, request, decision, ports),
    exchange,
    nonBids === null ? null : { seatnonbid: nonBids },
  );
  if (text === null) return noBid(request, decisions[0]?.outputs.noBidReason ?? 'no-candidate', wants, nonBids);
  const headers: Record<string, string> = { 'content-type': 'application/json', 'x-openrtb-version': '2.6' };
  if (!received.acceptsGzip || text.length < GZIP_FROM_BYTES) return { status: 200, headers, body: text };
  headers['content-encoding'] = 'gzip';
  return { status: 200, headers, body: gzipSync(text, { level: 1 }) };
}

function urlsOf(received: Received, request: DecodedRequest, decision: NamedDecision, ports: RespondPorts): BidUrls {
  const { inputs, outputs } = decision;
  const { billableEvent = 'burl' } = received.exchange;
  const { campaign } = received.live.index.campaignById.get(outputs.campaignId as string) as { campaign: Campaign };
  const token = ports.signer.sign({
    decisionId: decision.decisionId,
    exchange: request.exchange,
    campaignId: outputs.campaignId as string,
    creativeId: outputs.creativeId as string,
    arm: inputs.arm,
    rolloutId: inputs.rolloutId,
    stage: inputs.stage,
    userBucket: request.userBucket ?? -1,
    maxMicros: outputs.bidMicros,
    bidCurrency: request.bidCurrency,
    decidedAtMs: inputs.nowMs,
    expiresAtMs: inputs.nowMs + ports.tokenTtlMs,
    grantId: decision.grantId,
    isTest: request.isTest,
    clickValueNanos: clickValueNanos(campaign),
    conversionValueNanos: conversionValueNanos(campaign),
    isRepeat: isRepeat(decision),
    country: request.country,
    deviceType: request.deviceType,
    quantity: request.impressions[inputs.impIndex]?.quantity ?? 1,
    mayMeasure: request.consent?.measure ?? true,
    billableEvent,
    attribution: campaign.attribution,
    clickedAtMs: null,
    userKey: profileKey(request),
  });
  const base = ports.noticeBaseUrl();
  return {
    nurl: `${base}/n/win?t=${token}&p=\${AUCTION_PRICE}&m=\${AUCTION_MIN_TO_WIN}`,
    burl: billableEvent === 'burl' ? `${base}/n/bill?t=${token}&p=\${AUCTION_PRICE}` : null,
    lurl: `${base}/n/loss?t=${token}&p=\${AUCTION_PRICE}&m=\${AUCTION_MIN_TO_WIN}&r=\${AUCTION_LOSS}`,
    clickUrl: `${base}/n/click?t=${token}`,
    viewUrl: `${base}/n/view?t=${token}${billableEvent === 'pixel' ? '&p=${AUCTION_PRICE}' : ''}`,
  };
}

/** Outputs of a decision that could not go out any more; what was decided is not what happened. */
export const withheld = (outputs: DecisionOutputs, reason: 'too-late' | 'internal-error'): DecisionOutputs => ({
  ...outputs,
  noBidReason: reason,
  campaignId: null,
  creativeId: null,
  size: null,
  dealId: null,
  bidMicros: 0,
  agents: null,
  propensity: null,
  counterfactual: null,
});
