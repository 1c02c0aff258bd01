import { contextOf, freshState, hashUser } from '../../test/fixtures/decision-scene';
import { demoSnapshot, exchangeOf } from '../../test/fixtures/demo-snapshot';
import { responseOf } from '../../test/fixtures/rendered-response';
import { decideRequest, prepareRequest } from '../coordination';
import { buildServingIndex } from '../matching';
import { normaliseRequest } from './normalise-request';
import { renderBidResponse } from './render-response';

const index = buildServingIndex(demoSnapshot());
const exchange = exchangeOf();
const URLS = {
  nurl: 'http://n.example/n/win?t=T&p=${AUCTION_PRICE}',
  burl: 'http://n.example/n/bill?t=T&p=${AUCTION_PRICE}',
  lurl: 'http://n.example/n/loss?t=T&r=${AUCTION_LOSS}',
  clickUrl: 'http://n.example/n/click?t=T&x="1"',
  viewUrl: 'http://n.example/n/view?t=T',
};

function respond(over: object, ext: object | null = null) {
  const raw = { id: 'r', site: {}, imp: [{ id: 'a', banner: { w: 300, h: 250 } }], ...over };
  const request = normaliseRequest(raw, exchange, index.snapshot.fx, hashUser, index.snapshot.layerSalt);
  const prepared = prepareRequest(index, request, contextOf(), freshState());
  const decisions = decideRequest(index, prepared, null, () => true);
  const named = decisions.map((decision, i) => ({ ...decision, decisionId: `d-${i}`, lifeMs: 300_000 }));
  const text = renderBidResponse(request, named, index, () => URLS, exchange, ext);
  return { decisions, response: responseOf(text) };
}

describe('renderBidResponse', () => {
  it('answers with one bid per impression that bids, under our seat', () => {
    const two = [
      { id: 'a', banner: { w: 300, h: 250 } },
      { id: 'b', banner: { w: 1, h: 1 } },
      { id: 'c', banner: { w: 728, h: 90 } },
    ];
    const { response } = respond({ imp: two });
    expect(response).toMatchObject({ id: 'r', cur: 'USD', seatbid: [{ seat: 'adloop' }] });
    expect(response?.seatbid[0]?.bid.map((bid) => [bid.id, bid.impid, bid.w, bid.h, bid.mtype])).toEqual([
      ['d-0', 'a', 300, 250, 1],
      ['d-2', 'c', 728, 90, 1],
    ]);
  });

  it('answers nothing when nobody bids', () => {
    expect(respond({ imp: [{ id: 'a', banner: { w: 1, h: 1 } }] }).response).toBeNull();
  });

  it('prices in the currency that was asked for', () => {
    const { decisions, response } = respond({ cur: ['JPY'] });
    const micros = decisions[0]?.outputs.bidMicros ?? 0;
    expect(response?.cur).toBe('JPY');
    expect(response?.seatbid[0]?.bid[0]?.price).toBeCloseTo((micros / 1e6) * 155.2, 4);
  });

  it('never bids below a floor in the bid’s own currency', () => {
    for (const bidfloor of [1.5, 2.345678, 0.01, 4.1]) {
      const imp = [{ id: 'a', bidfloor, bidfloorcur: 'EUR', banner: { w: 300, h: 250 } }];
      const { response } = respond({ cur: ['EUR'], imp });
      expect(response?.seatbid[0]?.bid[0]?.price).toBeGreaterThanOrEqual(bidfloor);
    }
  });

  it('says until when it is good, where that is sooner than the impression may come', () => {
    const expiryOf = (exp: number) =>
      respond({ imp: [{ id: 'a', exp, banner: { w: 300, h: 250 } }] }).response?.seatbid[0]?.bid[0]?.exp;
    expect([0, 240, 241].map(expiryOf)).toEqual([undefined, undefined, 240]);
  });

  it('escapes URLs in the markup and keeps macros in the notices', () => {
    const bid = respond({}).response?.seatbid[0]?.bid[0];
    expect(bid?.adm).toContain('href="http://n.example/n/click?t=T&amp;x=&quot;1&quot;"');
    expect(bid?.adm).not.toMatch(/\{CLICK_URL\}|\{LANDING_URL\}/);
    expect(bid?.nurl).toBe(URLS.nurl);
  });

  it('is JSON whatever the request’s own names hold', () => {
    const id = 'r"\\\u0000é\u2028';
    const { response } = respond({ id, imp: [{ id, banner: { w: 300, h: 250 } }] }, { note: id });
    expect(response).toMatchObject({ id, ext: { note: id } });
    expect(response?.seatbid[0]?.bid[0]?.impid).toBe(id);
  });

  it('uses https alone on a secure impression', () => {
    const { response } = respond({ imp: [{ id: 'a', secure: 1, banner: { w: 300, h: 250 } }] });
    expect(JSON.stringify(response)).not.toContain('http:');
  });
});
