import type { Outcome } from '#domain/contracts';
import { demoSnapshot } from '../fixtures/demo-snapshot';
import { EdgeScene } from '../fixtures/edge-scene';
import { waitFor } from '../fixtures/edge-process';
import type { SeenBid } from '../fixtures/edge-traffic';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A real edge whose clock goes through the weeks after a click. */
describe('conversions days after their click', () => {
  let scene: EdgeScene;

  beforeAll(async () => {
    const plain = demoSnapshot();
    const value = { kind: 'cpa' as const, targetMicros: 400_000, conversionValueMicros: 500_000 };
    scene = await EdgeScene.open('edge-attribution', {
      snapshot: {
        ...plain,
        campaigns: plain.campaigns.map((campaign) => ({ ...campaign, goal: value })),
        creatives: plain.creatives.map((creative) => ({
          ...creative,
          landingUrl: 'https://shop.example/?c={CLICK_ID}',
        })),
      },
    });
  });
  afterAll(() => scene.close());

  const tokenOf = (bid: SeenBid): string => /[?&]t=([^&]+)/.exec(bid.nurl)?.[1] ?? '';
  const hear = (kind: string, token: string) => fetch(`${scene.edge.url}/n/${kind}?t=${token}`, { redirect: 'manual' });
  const convert = async (token: string): Promise<unknown> =>
    ((await (await hear('conv', token)).json()) as { status: string }).status;
  async function clickOn(bid: SeenBid): Promise<string> {
    const location = (await hear('click', tokenOf(bid))).headers.get('location') ?? '';
    return new URL(location).searchParams.get('c') ?? '';
  }
  const conversionsOf = (bid: SeenBid): Outcome[] =>
    scene.outcomesOf(bid.id).filter(({ kind }) => kind === 'conversion' || kind === 'outside-window');

  it('count within thirty days, once, also after a restart, and later are kept without a value', async () => {
    const inTime = await scene.bidFor('in time');
    const tooLate = await scene.bidFor('too late');
    const seen = await scene.bidFor('seen');
    const [inTimeId, tooLateId] = [await clickOn(inTime), await clickOn(tooLate)];
    await scene.faults.set({ clockMs: 29 * DAY_MS });
    // Everything else of that day is refused by now, and a view is no longer what a conversion can be ascribed to.
    expect((await hear('bill', tokenOf(inTime))).status).toBe(410);
    expect(await convert(tokenOf(seen))).toBe('outside-window');
    expect(await convert(inTimeId)).toBe('accepted');
    expect(await convert(inTimeId)).toBe('duplicate');
    await scene.edge.end('SIGKILL');
    await scene.edge.start();
    expect(await convert(inTimeId)).toBe('duplicate');
    await scene.faults.set({ clockMs: 30 * DAY_MS + HOUR_MS });
    expect(await convert(inTimeId)).toBe('duplicate');
    expect(await convert(tooLateId)).toBe('outside-window');
    expect(await convert(tooLateId)).toBe('duplicate');
    await waitFor(() => [inTime, tooLate, seen].every((bid) => conversionsOf(bid).length > 0));
    expect(conversionsOf(inTime)).toEqual([
      expect.objectContaining({ kind: 'conversion', touch: 'click', valueNanos: 500_000_000, windowMs: 30 * DAY_MS }),
    ]);
    expect(conversionsOf(tooLate)).toEqual([
      expect.objectContaining({ kind: 'outside-window', touch: 'click', valueNanos: 0 }),
    ]);
    expect(conversionsOf(seen)).toEqual([
      expect.objectContaining({ kind: 'outside-window', touch: 'view', valueNanos: 0, windowMs: DAY_MS }),
    ]);
  });
});
