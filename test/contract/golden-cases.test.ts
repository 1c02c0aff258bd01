import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decideRequest, prepareRequest } from '#domain/coordination';
import { buildServingIndex } from '#domain/matching';
import { normaliseRequest, renderBidResponse, validateBidRequest } from '#domain/openrtb';
import { contextOf, freshState, hashUser } from '../fixtures/decision-scene';
import { demoSnapshot, exchangeOf } from '../fixtures/demo-snapshot';

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
  /** Invalid cases: JSON pointer to the fault. */
  pointer?: string;
}

const index = buildServingIndex(demoSnapshot());
const exchange = exchangeOf();
const casesIn = (folder: string): [string, GoldenCase][] =>
  readdirSync(join(__dirname, folder))
    .sort()
    .map((file) => {
      const golden = JSON.parse(readFileSync(join(__dirname, folder, file), 'utf8')) as GoldenCase;
      return [`${file}: ${golden.description}`, golden];
    });

function answer(golden: GoldenCase) {
  expect(validateBidRequest(golden.request)).toEqual({ ok: true });
  const { fx, layerSalt } = index.snapshot;
  const request = normaliseRequest(golden.request, exchange, fx, hashUser, layerSalt);
  const decisions = decideRequest(index, prepareRequest(index, request, contextOf(), freshState()), null, () => true);
  const named = decisions.map((decision, i) => ({ ...decision, decisionId: `d-${i}` }));
  const url = 'http://notice.example/n';
  const urls = () => ({ nurl: url, burl: url, lurl: url, clickUrl: url });
  const response = renderBidResponse(request, named, index, urls, exchange);
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
