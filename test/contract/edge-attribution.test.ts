import type { Campaign } from '#domain/contracts';
import { demoSnapshot } from '../fixtures/demo-snapshot';
import { ask, bannerRequest, type SeenBid } from '../fixtures/edge-traffic';
import { startLocalEdge, type LocalEdge } from '../fixtures/local-edge';

/** A snapshot whose campaigns have these windows and whose landing pages are told the click. */
function snapshotWith(attribution: Campaign['attribution']) {
  const plain = demoSnapshot();
  return {
    ...plain,
    campaigns: plain.campaigns.map((campaign) => ({ ...campaign, attribution })),
    creatives: plain.creatives.map((creative) => ({ ...creative, landingUrl: 'https://shop.example/?c={CLICK_ID}' })),
  };
}

describe('conversions at the edge', () => {
  const edges: LocalEdge[] = [];
  afterAll(async () => {
    for (const local of edges) await local.stop();
  });
  async function start(attribution: Campaign['attribution']): Promise<LocalEdge> {
    const local = await startLocalEdge(snapshotWith(attribution));
    edges.push(local);
    return local;
  }
  async function bidAt({ url }: LocalEdge, user: string): Promise<SeenBid> {
    const bid = await ask(url, bannerRequest(user));
    if (bid === null) throw new Error('no bid');
    return bid;
  }
  const hear = (local: LocalEdge, kind: string, token: string) =>
    fetch(`${local.url}/n/${kind}?t=${token}`, { redirect: 'manual' });
  const tokenOf = (url: string): string =>
    new URL(url.replaceAll('&amp;', '&').replaceAll(/[${}]/g, '')).searchParams.get('t') ?? '';
  const status = async (answer: Response): Promise<unknown> => [
    answer.status,
    ((await answer.json()) as { status: string }).status,
  ];

  it('tell the landing page by which id it may report one, good for a conversion and nothing else', async () => {
    const local = await start({ clickMinutes: 43_200, viewMinutes: 0 });
    const bid = await bidAt(local, 'clicks');
    const click = await hear(local, 'click', tokenOf(bid.nurl));
    expect(click.status).toBe(302);
    const clickId = new URL(click.headers.get('location') ?? '').searchParams.get('c') ?? '';
    expect(clickId).toMatch(/^n2\./);
    for (const kind of ['bill', 'win', 'loss', 'click', 'view']) {
      const refused = await hear(local, kind, clickId);
      expect([kind, refused.status]).toEqual([kind, 400]);
    }
    expect(local.edge.metrics.spendNanos.total).toBe(0);
    expect(await status(await hear(local, 'conv', clickId))).toEqual([200, 'accepted']);
    expect(await status(await hear(local, 'conv', clickId))).toEqual([200, 'duplicate']);
    expect(await status(await hear(local, 'conv', tokenOf(bid.nurl)))).toEqual([200, 'duplicate']);
    expect(local.edge.metrics.totals()).toMatchObject({ conversions: 1, clicks: 1 });
  });

  it('count after a view where views count, and are kept as outside the window where they do not', async () => {
    const views = await start({ clickMinutes: 43_200, viewMinutes: 1440 });
    expect(await status(await hear(views, 'conv', tokenOf((await bidAt(views, 'sees')).nurl)))).toEqual([
      200,
      'accepted',
    ]);
    const clicks = await start({ clickMinutes: 43_200, viewMinutes: 0 });
    const bid = await bidAt(clicks, 'sees');
    expect(await status(await hear(clicks, 'conv', tokenOf(bid.nurl)))).toEqual([200, 'outside-window']);
    expect(await status(await hear(clicks, 'conv', tokenOf(bid.nurl)))).toEqual([200, 'duplicate']);
    expect(clicks.edge.metrics.totals()).toMatchObject({ conversions: 0, noticesRefused: 0 });
    expect(clicks.edge.metrics.notices.count('conversion', 'outside-window')).toBe(1);
  });

  it('never write the macro into an ad: markup that leads on without a click has no id', async () => {
    const local = await start({ clickMinutes: 1, viewMinutes: 0 });
    expect((await bidAt(local, 'markup')).adm).not.toContain('CLICK_ID');
  });
});
