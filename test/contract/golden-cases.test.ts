import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decideRequest, prepareRequest } from '#domain/coordination';
import type { ExchangeSettings } from '#domain/contracts';
import { buildServingIndex, type ServingIndex } from '#domain/matching';
import { bidLifeMs, DEFAULT_BID_LIFE, normaliseRequest, renderBidResponse, validateBidRequest } from '#domain/openrtb';
import { contextOf, freshState, hashUser } from '../fixtures/decision-scene';
import { demoSnapshot, exchangeOf } from '../fixtures/demo-snapshot';
import { responseOf } from '../fixtures/rendered-response';
import { findLinter, lintErrors } from '../fixtures/rtblint';

/** One file = one case, in a folder named for its outcome. Decided by baselines on the demo inventory. */
interface GoldenCase {
  description: string;
  request: unknown;
  /** Per impression: 'bid' or a reason. */
  outcomes?: Record<string, string>;
  filtered?: Record<string, number>;
  currency?: string;
  minPrice?: number;
  sizes?: string[];
  userKey?: boolean;
  noPlainHttp?: boolean;
  /** What the first bid holds at least, and patterns that its markup matches and does not. */
  bid?: object;
  markup?: string[];
  markupLacks?: string[];
  /** Members that the first bid must not have. */
  bidLacks?: string[];
  /** Changes of the demo exchange, of every campaign and of every creative. */
  exchange?: Partial<ExchangeSettings>;
  campaigns?: { targeting?: object };
  creatives?: object;
  /** Invalid cases: JSON pointer to the fault. */
  pointer?: string;
}

const linter = findLinter();
if (linter === null && process.env['ADLOOP_REQUIRE_RTBLINT'] === '1') throw new Error('rtblint is required');
if (linter === null) console.log('skipped: responses are not linted (no rtblint on this machine)');

/** The demo's index, or one in which every campaign and creative is changed as the case says. */
function indexOf(golden: GoldenCase): ServingIndex {
  const plain = demoSnapshot();
  const { campaigns, creatives } = golden;
  return buildServingIndex({
    ...plain,
    campaigns: plain.campaigns.map((one) => ({ ...one, targeting: { ...one.targeting, ...campaigns?.targeting } })),
    creatives: plain.creatives.map((one) => ({ ...one, ...creatives })),
  });
}

const casesIn = (folder: string): [string, GoldenCase][] =>
  readdirSync(join(__dirname, folder))
    .sort()
    .map((file) => {
      const golden = JSON.parse(readFileSync(join(__dirname, folder, file), 'utf8')) as GoldenCase;
      return [`${file}: ${golden.description}`, golden];
    });

function answer(golden: GoldenCase) {
  expect(validateBidRequest(golden.request)).toEqual({ ok: true });
  const index = indexOf(golden);
  const exchange = exchangeOf(golden.exchange);
  const { fx, layerSalt } = index.snapshot;
  const request = normaliseRequest(golden.request, exchange, fx, hashUser, layerSalt);
  const decisions = decideRequest(index, prepareRequest(index, request, contextOf(), freshState()), null, () => true);
  const named = decisions.map((decision, i) => {
    const { expirySeconds = 0 } = request.impressions[decision.inputs.impIndex] ?? {};
    return { ...decision, decisionId: `d-${i}`, lifeMs: bidLifeMs(expirySeconds, Infinity, DEFAULT_BID_LIFE) };
  });
  const url = 'http://notice.example/n';
  const urls = () => ({ nurl: url, burl: url, lurl: url, clickUrl: url, viewUrl: url });
  const response = responseOf(renderBidResponse(request, named, index, urls, exchange));
  const outcomes = Object.fromEntries(
    decisions.map(({ inputs, outputs }) => [
      request.impressions[inputs.impIndex]?.impId ?? '',
      outputs.noBidReason ?? 'bid',
    ]),
  );
  return { request, decisions, response, outcomes };
}

describe('valid requests', () => {
  it.each(casesIn('valid'))('%s', (_name, golden) => {
    const { request, decisions, response, outcomes } = answer(golden);
    const bids = response?.seatbid[0]?.bid ?? [];
    expect(outcomes).toEqual(golden.outcomes);
    expect(bids).toHaveLength(Object.values(outcomes).filter((outcome) => outcome === 'bid').length);
    if (golden.filtered) expect(decisions[0]?.outputs.filtered).toMatchObject(golden.filtered);
    if (golden.currency) expect(response?.cur).toBe(golden.currency);
    if (golden.sizes) expect(golden.sizes).toContain(`${bids[0]?.w}x${bids[0]?.h}`);
    if (golden.userKey !== undefined) expect(request.userKey !== null).toBe(golden.userKey);
    if (golden.noPlainHttp) expect(JSON.stringify(response)).not.toMatch(/http:/i);
    if (golden.bid) expect(bids[0]).toMatchObject(golden.bid);
    for (const member of golden.bidLacks ?? []) expect(bids[0]).not.toHaveProperty(member);
    for (const pattern of golden.markup ?? []) expect(bids[0]?.adm).toMatch(new RegExp(pattern));
    for (const pattern of golden.markupLacks ?? []) expect(bids[0]?.adm).not.toMatch(new RegExp(pattern));
    if (linter !== null) expect(lintErrors(linter, golden.request, response)).toEqual([]);
    for (const bid of bids) expect(bid.price).toBeGreaterThanOrEqual(golden.minPrice ?? 1e-6);
  });
});

describe('requests without a bid', () => {
  it.each(casesIn('no-bid'))('%s', (_name, golden) => {
    const { decisions, response, outcomes } = answer(golden);
    expect(response).toBeNull();
    expect(outcomes).toEqual(golden.outcomes);
    if (golden.filtered) expect(decisions[0]?.outputs.filtered).toEqual(golden.filtered);
  });
});

describe('invalid requests', () => {
  it.each(casesIn('invalid'))('%s', (_name, golden) => {
    expect(validateBidRequest(golden.request)).toMatchObject({ ok: false, pointer: golden.pointer });
  });
});
