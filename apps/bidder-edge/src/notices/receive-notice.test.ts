import type { BillableEvent, NoticeKind, Outcome } from '#domain/contracts';
import { parsePriceMicros } from '#domain/money';
import type { GroupCommit } from '../outbox/group-commit';
import { EdgeState } from '../state/edge-state';
import { NoticeReceiver, type NoticeResult } from './receive-notice';
import { NoticeSigner } from './token';

const signer = new NoticeSigner([Buffer.alloc(32, 7)]);
const LIMITS = {
  bootId: 'b',
  reservationTtlMs: 1000,
  tokenTtlMs: 60_000,
  maxReservations: 9,
  maxCapEntries: 9,
  maxNoticeEntries: 9,
};

/** A receiver over a disk that can refuse; `disk` is what it holds. */
function scene() {
  const disk: Outcome[] = [];
  const results: NoticeResult[] = [];
  const landing = { url: 'https://shop.example/' };
  const clock = { nowMs: 100, refuses: false };
  let queue: Outcome[] = [];
  const commit = {
    appendEvent: (_kind: string, json: string) => void queue.push(JSON.parse(json) as Outcome),
    durable: () => {
      const batch = queue;
      queue = [];
      if (clock.refuses) return Promise.reject(new Error('ENOSPC'));
      disk.push(...batch);
      return Promise.resolve();
    },
  } as unknown as GroupCommit;
  const state = new EdgeState(LIMITS, () => undefined);
  state.addGrant({
    ...{ grantId: 'g', campaignId: 'c', arm: 'champion', day: 'd', amountNanos: 1000, outageNanos: 0 },
    ...{ expiresAtMs: 1e6, dayPlanNanos: 1, daySpentNanos: 0 },
  });
  state.ledger.activate('g');
  const receiver = new NoticeReceiver({
    edgeId: 'e',
    signer,
    state,
    commit,
    now: () => clock.nowMs,
    fx: () => ({ base: 'USD', asOfMs: 0, rates: {} }),
    readPriceOf: () => parsePriceMicros,
    landingUrlOf: () => landing.url,
    count: (_kind, result) => void results.push(result),
    onAccepted: () => undefined,
  });
  const bid = (
    decisionId: string,
    over: { quantity?: number; mayMeasure?: boolean; billableEvent?: BillableEvent } = {},
  ): string => {
    const priceNanos = Math.ceil(400 * (over.quantity ?? 1));
    const request = { exchange: 'demo', campaignId: 'c', creativeId: 'cr', arm: 'champion' as const, priceNanos };
    const held = state.holds.tryReserve({ ...request, userKey: null, caps: [] }, clock.nowMs, true);
    if (held === null) throw new Error('no budget');
    state.onBid({ ...held, decisionId });
    return signer.sign({
      ...{ decisionId, exchange: 'demo', campaignId: 'c', creativeId: 'cr', arm: 'champion', rolloutId: '', stage: -1 },
      ...{
        userBucket: -1,
        isRepeat: true,
        country: 'DEU',
        deviceType: 4,
        quantity: 1,
        mayMeasure: true,
        billableEvent: 'burl',
        attribution: { clickMinutes: 1, viewMinutes: 0 },
        clickedAtMs: null,
        userKey: null,
        maxMicros: 400,
        bidCurrency: 'USD',
        decidedAtMs: clock.nowMs,
        expiresAtMs: clock.nowMs + 5000,
      },
      ...{ grantId: 'g', isTest: false, clickValueNanos: 0, conversionValueNanos: 9, ...over },
    });
  };
  const bill = (token: string, price = '0.0002') =>
    receiver.receive('bill', new URLSearchParams({ t: token, p: price }));
  const spent = (): number | undefined => state.ledger.reports()[0]?.spentNanos;
  const hear = (kind: NoticeKind, token: string, price = '') =>
    receiver.receive(kind, new URLSearchParams({ t: token, p: price }));
  return { disk, results, clock, landing, bid, bill, hear, spent, state };
}

describe('NoticeReceiver', () => {
  it('answers 503 while the disk refuses and takes the retry once, money having moved once', async () => {
    const { disk, clock, bid, bill, spent } = scene();
    const token = bid('d1');
    clock.refuses = true;
    expect((await bill(token)).status).toBe(503);
    expect((await bill(token)).status).toBe(503);
    expect(disk).toEqual([]);
    clock.refuses = false;
    expect(await bill(token)).toMatchObject({ status: 200, result: 'duplicate' });
    expect(disk.map((outcome) => outcome.outcomeId)).toEqual(['d1:bill']);
    expect(await bill(token)).toMatchObject({ status: 200, result: 'duplicate' });
    expect(disk.length).toBe(1);
    expect(spent()).toBe(200);
  });

  it('does not answer a repetition before the first one is on disk', async () => {
    const { disk, bid, bill } = scene();
    const token = bid('d1');
    const both = await Promise.all([bill(token), bill(token)]);
    expect(both.map(({ result }) => result)).toEqual(['accepted', 'duplicate']);
    expect(disk.map((outcome) => outcome.kind)).toEqual(['bill']);
  });

  it('books a bill after its reservation expired as late: real spend that no grant held', async () => {
    const { disk, clock, bid, bill, spent, state } = scene();
    const token = bid('d1');
    clock.nowMs += 1001;
    state.expire(clock.nowMs);
    expect((await bill(token)).status).toBe(200);
    expect(disk[0]).toMatchObject({ kind: 'bill', reservationLive: false, priceNanos: 200 });
    expect(spent()).toBe(0);
    expect(state.ledger.reports()[0]).toMatchObject({ lateNanos: 200, freeNanos: 1000 });
  });

  it('counts a token whose time is over, and one too old to remember, as refused', async () => {
    const { clock, bid, bill } = scene();
    const token = bid('d1');
    clock.nowMs += 5001;
    expect(await bill(token)).toMatchObject({ status: 410, result: 'expired' });
  });

  it('bills as many impressions as one showing counts for, in whole nanos', async () => {
    const { disk, bid, bill, spent } = scene();
    expect((await bill(bid('d1', { quantity: 1.503 }))).status).toBe(200);
    expect(disk[0]).toMatchObject({ kind: 'bill', priceNanos: 301, reservationLive: true });
    expect(spent()).toBe(301);
  });

  it('keeps nothing of what a person did without consent to measurement, and leads on all the same', async () => {
    const { disk, bid, bill, hear } = scene();
    const token = bid('d1', { mayMeasure: false });
    expect(await hear('click', token)).toMatchObject({ status: 302, landingUrl: 'https://shop.example/' });
    expect((await hear('view', token)).result).toBe('unmeasured');
    expect((await hear('conversion', token)).result).toBe('unmeasured');
    expect((await bill(token)).result).toBe('accepted');
    expect(disk.map(({ kind }) => kind)).toEqual(['bill']);
  });

  it('hands the click to the landing page that asks for it, and nothing without consent to measurement', async () => {
    const { landing, bid, hear } = scene();
    landing.url = 'https://shop.example/?c={CLICK_ID}&d={CLICK_ID}';
    const { landingUrl } = await hear('click', bid('d1'));
    const [, first, second] = /c=([^&]+)&d=(.+)$/.exec(landingUrl ?? '') ?? [];
    expect(second).toBe(first);
    expect(signer.verify(first ?? '', null)).toMatchObject({ ok: true, token: { decisionId: 'd1', clickedAtMs: 100 } });
    const unmeasured = await hear('click', bid('d2', { mayMeasure: false }));
    expect(unmeasured.landingUrl).toBe('https://shop.example/?c=&d=');
  });

  it('counts a conversion in the window of its click, and keeps a later one without a value', async () => {
    const { disk, clock, landing, bid, hear } = scene();
    landing.url = '{CLICK_ID}';
    const clickOf = async (id: string): Promise<string> => (await hear('click', bid(id))).landingUrl ?? '';
    const [first, second] = [await clickOf('d1'), await clickOf('d2')];
    clock.nowMs = 100 + 60_000;
    expect(await hear('conversion', first)).toMatchObject({ status: 200, result: 'accepted' });
    clock.nowMs += 1;
    expect(await hear('conversion', second)).toMatchObject({ status: 200, result: 'outside-window' });
    expect((await hear('conversion', second)).result).toBe('duplicate');
    expect((await hear('conversion', first)).result).toBe('duplicate');
    const told = disk.filter(({ kind }) => kind !== 'click');
    expect(told.map(({ kind, touch, valueNanos, outcomeId }) => [kind, touch, valueNanos, outcomeId])).toEqual([
      ['conversion', 'click', 9, 'd1:conversion'],
      ['outside-window', 'click', 0, 'd2:conversion'],
    ]);
  });

  it('takes the token of a click for a conversion alone', async () => {
    const { landing, bid, hear, spent } = scene();
    landing.url = '{CLICK_ID}';
    const click = (await hear('click', bid('d1'))).landingUrl ?? '';
    for (const kind of ['win', 'bill', 'loss', 'click', 'view'] as const)
      expect(await hear(kind, click)).toMatchObject({ status: 400, result: 'malformed' });
    expect(spent()).toBe(0);
  });

  it('hears a view once, and no money moves by it', async () => {
    const { disk, bid, hear, spent } = scene();
    const token = bid('d1');
    expect((await hear('view', token)).result).toBe('accepted');
    expect((await hear('view', token)).result).toBe('duplicate');
    expect(disk.map(({ kind, priceNanos }) => [kind, priceNanos])).toEqual([['view', 0]]);
    expect(spent()).toBe(0);
  });

  it.each<[BillableEvent, NoticeKind]>([
    ['nurl', 'win'],
    ['pixel', 'view'],
  ])('is paid once by %s where the exchange bills by that', async (billableEvent, kind) => {
    const { disk, bid, bill, hear, spent } = scene();
    const token = bid('d1', { billableEvent });
    expect(await bill(token)).toMatchObject({ status: 400, result: 'not-billable' });
    expect((await hear(kind, token, 'AUDIT')).result).toBe('audit');
    expect(await hear(kind, token, '0.0003')).toMatchObject({ status: 200 });
    expect((await hear(kind, token, '0.0003')).result).toBe('duplicate');
    expect(disk.map((outcome) => outcome.kind)).toEqual([kind, 'bill']);
    expect(spent()).toBe(300);
  });
});
