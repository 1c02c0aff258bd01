import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome } from '#domain/contracts';
import { demoSnapshot } from '../fixtures/demo-snapshot';
import { EdgeProcess, waitFor } from '../fixtures/edge-process';
import { ask, bannerRequest, grantsFor, notify, type SeenBid } from '../fixtures/edge-traffic';
import { EdgeKeys, FakeControlPlane } from '../fixtures/fake-control-plane';
import { temporaryFolder } from '../fixtures/local-edge';

describe('notices to an edge', () => {
  const folder = temporaryFolder('edge-notices');
  const keys = new EdgeKeys(folder);
  const control = new FakeControlPlane(keys);
  const snapshot = demoSnapshot();
  let edge: EdgeProcess;

  beforeAll(async () => {
    await control.start();
    control.grants = grantsFor(snapshot, 1e12);
    control.publish(snapshot);
    edge = new EdgeProcess(join(folder, 'edge'), {
      ...keys.env,
      CONTROL_PLANE_URL: control.url,
      EDGE_RESERVATION_TTL_MS: '1500',
      EDGE_TOKEN_TTL_MS: '5000',
    });
    await edge.start();
    await waitFor(async () => (await ask(edge.url, bannerRequest('warm'))) !== null);
  });
  afterAll(async () => {
    await edge.end('SIGKILL');
    await control.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function bidFor(user: string): Promise<SeenBid> {
    const bid = await ask(edge.url, bannerRequest(user));
    if (bid === null) throw new Error('no bid');
    return bid;
  }
  const spent = (): Promise<number> => edge.metric('adloop_edge_budget_nanos{part="spent"}');
  const outcomesOf = (id: string): Outcome[] =>
    control.events().flatMap((event) => (event.type === 'outcome' && event.decisionId === id ? [event] : []));

  it('counts each kind once, however often it comes', async () => {
    const bid = await bidFor('u1');
    const before = await spent();
    for (let n = 0; n < 5; n += 1) {
      expect((await notify(bid.nurl, { price: bid.price / 2, min: bid.price / 4 })).status).toBe(200);
      expect((await notify(bid.burl, { price: bid.price / 2 })).status).toBe(200);
    }
    const both = await Promise.all(Array.from({ length: 20 }, () => notify(bid.burl, { price: bid.price / 2 })));
    expect(both.every((answer) => answer.status === 200)).toBe(true);
    expect((await spent()) - before).toBe(Math.floor((bid.price * 1e6) / 2));
    await waitFor(() => outcomesOf(bid.id).length >= 2);
    expect(
      outcomesOf(bid.id)
        .map((outcome) => outcome.kind)
        .sort(),
    ).toEqual(['bill', 'win']);
    expect(outcomesOf(bid.id).find((outcome) => outcome.kind === 'win')?.minToWinMicros).toBeCloseTo(
      (bid.price * 1e6) / 4,
      -1,
    );
  });

  it('charges no more than the bid, whatever the price macro says', async () => {
    const bid = await bidFor('u2');
    const before = await spent();
    expect((await notify(bid.burl, { price: 999_999 })).status).toBe(200);
    expect((await spent()) - before).toBe(Math.round(bid.price * 1e6));
  });

  it.each([
    ['no token', (url: string) => url.replace(/t=[^&]+/, 't=')],
    ['a forged token', (url: string) => url.replace(/t=[^&]+/, 't=n1.00000000.W10.AAAA')],
    ['one altered byte', (url: string) => url.replace(/(t=[^&]{60})./, (_all, head: string) => `${head}~`)],
    ['a negative price', (url: string) => url.replace('${AUCTION_PRICE}', '-1')],
    ['a price that is no number', (url: string) => url.replace('${AUCTION_PRICE}', 'abc')],
  ])('%s changes nothing and is a 400', async (_what, break_) => {
    const bid = await bidFor(`bad-${_what}`);
    const before = await spent();
    const answer = await notify(break_(bid.burl), { price: bid.price });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await spent()).toBe(before);
    expect((await notify(bid.burl, { price: bid.price })).status).toBe(200);
  });

  it('does nothing on AUDIT and charges the bid when the macro is missing', async () => {
    const bid = await bidFor('u3');
    const before = await spent();
    expect((await notify(bid.burl, { price: 'AUDIT' })).status).toBe(200);
    expect(await spent()).toBe(before);
    expect((await notify(bid.burl)).status).toBe(200);
    expect((await spent()) - before).toBe(Math.round(bid.price * 1e6));
  });

  it('frees the budget on a loss, and a later bill is late but real', async () => {
    const bid = await bidFor('u4');
    const before = await spent();
    expect((await notify(bid.lurl, { price: bid.price, loss: 102 })).status).toBe(200);
    expect((await notify(bid.burl, { price: bid.price })).status).toBe(200);
    expect(await spent()).toBe(before);
    expect(await edge.metric('adloop_edge_late_bills_total')).toBeGreaterThan(0);
    await waitFor(() => outcomesOf(bid.id).length === 2);
    expect(outcomesOf(bid.id).find((outcome) => outcome.kind === 'bill')?.reservationLive).toBe(false);
    expect(outcomesOf(bid.id).find((outcome) => outcome.kind === 'loss')?.lossReason).toBe(102);
  });

  it("redirects a click to the creative's own landing page and nowhere else", async () => {
    const bid = await bidFor('u5');
    const click = /href="([^"]+\/n\/click\?[^"]+)"/.exec(bid.adm)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const creative = snapshot.creatives.find(({ creativeId }) => creativeId === bid.crid);
    for (const url of [click, `${click}&url=https://evil.example`]) {
      const answer = await fetch(url, { redirect: 'manual' });
      expect(answer.status).toBe(302);
      expect(answer.headers.get('location')).toBe(creative?.landingUrl);
    }
    expect((await fetch(click.replace(/t=.{40}/, 't=x'), { redirect: 'manual' })).status).toBe(400);
    expect((await fetch(click.replace('/n/click', '/n/conv'))).status).toBe(200);
    await waitFor(() => outcomesOf(bid.id).length === 2);
    expect(
      outcomesOf(bid.id)
        .map((outcome) => outcome.kind)
        .sort(),
    ).toEqual(['click', 'conversion']);
  });

  it('refuses a notice after its expiry', async () => {
    const bid = await bidFor('u6');
    await new Promise((resolve) => setTimeout(resolve, 5100));
    expect((await notify(bid.burl, { price: bid.price })).status).toBe(410);
    expect(await edge.metric('adloop_edge_notices_total{kind="bill",result="expired"}')).toBe(1);
  });

  it('voids a reservation without a notice and gives its budget back', async () => {
    await waitFor(() => edge.metric('adloop_edge_open_reservations').then((open) => open === 0));
    expect(await edge.metric('adloop_edge_budget_nanos{part="reserved"}')).toBe(0);
    expect(await edge.metric('adloop_edge_reservations_expired_total')).toBeGreaterThan(0);
  });
});
