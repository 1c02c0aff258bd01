import type { Outcome } from '#domain/contracts';
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
    landingUrlOf: () => null,
    count: (_kind, result) => void results.push(result),
    onAccepted: () => undefined,
  });
  const bid = (decisionId: string): string => {
    const request = { exchange: 'demo', campaignId: 'c', creativeId: 'cr', arm: 'champion' as const, priceNanos: 400 };
    const held = state.reservations.tryReserve({ ...request, userKey: null, caps: [] }, clock.nowMs, true);
    if (held === null) throw new Error('no budget');
    state.onBid({ ...held, decisionId });
    return signer.sign({
      ...{ decisionId, exchange: 'demo', campaignId: 'c', creativeId: 'cr', arm: 'champion', rolloutId: '', stage: -1 },
      ...{
        userBucket: -1,
        isRepeat: true,
        country: 'DEU',
        deviceType: 4,
        maxMicros: 400,
        bidCurrency: 'USD',
        decidedAtMs: clock.nowMs,
        expiresAtMs: clock.nowMs + 5000,
      },
      ...{ grantId: 'g', isTest: false, clickValueNanos: 0, conversionValueNanos: 0 },
    });
  };
  const bill = (token: string, price = '0.0002') =>
    receiver.receive('bill', new URLSearchParams({ t: token, p: price }));
  const spent = (): number | undefined => state.ledger.reports()[0]?.spentNanos;
  return { disk, results, clock, bid, bill, spent, state };
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
});
