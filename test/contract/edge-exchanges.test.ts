import { createHmac } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { demoSnapshot, exchangeOf } from '../fixtures/demo-snapshot';
import { ask, bannerRequest, notify } from '../fixtures/edge-traffic';
import { startLocalEdge, temporaryFolder, type LocalEdge } from '../fixtures/local-edge';

const ENCRYPTION = Buffer.alloc(32, 5);
const INTEGRITY = Buffer.alloc(32, 6);

/** A price as an exchange with these keys writes it. */
function encrypted(micros: number): string {
  const iv = Buffer.alloc(16, 9);
  const price = Buffer.alloc(8);
  price.writeBigUInt64BE(BigInt(micros));
  const pad = createHmac('sha1', ENCRYPTION).update(iv).digest();
  const signature = createHmac('sha1', INTEGRITY).update(price).update(iv).digest().subarray(0, 4);
  return Buffer.concat([iv, price.map((byte, at) => byte ^ (pad[at] as number)), signature]).toString('base64url');
}

describe('settings of an exchange at the edge', () => {
  const folder = temporaryFolder('price-keys');
  const edges: LocalEdge[] = [];
  const start = async (
    over: Parameters<typeof exchangeOf>[0],
    env: Record<string, string> = {},
  ): Promise<LocalEdge> => {
    const local = await startLocalEdge(demoSnapshot({ exchanges: { demo: exchangeOf(over) } }), env);
    edges.push(local);
    return local;
  };
  beforeAll(() => {
    mkdirSync(join(folder, 'keys'));
    writeFileSync(
      join(folder, 'keys', 'demo-2026.price-keys'),
      `${ENCRYPTION.toString('base64')}\n${INTEGRITY.toString('base64url')}\n`,
    );
  });
  afterAll(async () => {
    for (const local of edges) await local.stop();
    rmSync(folder, { recursive: true });
  });

  const hmac = { priceEncoding: 'hmac-sha1', priceKeyId: 'demo-2026' } as const;
  const codeOf = async (response: Response): Promise<string> => ((await response.json()) as { code: string }).code;

  it('settles an encrypted price; an unreadable one changes nothing, and the right one still counts', async () => {
    const { url, edge } = await start(hmac, { PRICE_KEYS_DIR: join(folder, 'keys') });
    const bid = await ask(url, bannerRequest('encrypted'));
    const paid = Math.floor((bid?.price ?? 0) * 1e6 * 0.5);
    for (const wrong of ['0.25', encrypted(paid).slice(0, -1), encrypted(paid).replace(/^./, 'A')]) {
      const refused = await notify(bid?.burl ?? '', { price: wrong });
      expect(refused.status).toBe(400);
      expect(await codeOf(refused)).toBe('NOTICE_BAD_PRICE');
    }
    expect(edge.metrics.spendNanos.total).toBe(0);
    expect(edge.state.reservations.size).toBe(1);
    expect((await notify(bid?.burl ?? '', { price: encrypted(paid) })).status).toBe(200);
    expect(edge.metrics.spendNanos.total).toBe(paid);
    expect(edge.state.reservations.size).toBe(0);
    edge.state.ledger.assertBalanced();
  });

  it('bids nothing where it could not read the price, and says so', async () => {
    const { url, adminUrl } = await start(hmac);
    expect(await ask(url, bannerRequest('no key'))).toBeNull();
    const page = await (await fetch(`${adminUrl}/`)).text();
    expect(page).toContain('No bids at demo: this edge lacks the key of its prices.');
    const metrics = await (await fetch(`${adminUrl}/metrics`)).text();
    expect(metrics).toContain('adloop_edge_no_bids_total{stage="receive",reason="price-unreadable"} 1');
  });

  it.each([
    ['always', undefined, true],
    ['never', { seatnonbid: 1 }, false],
    ['asked', { seatnonbid: 1 }, true],
    ['asked', undefined, false],
  ] as const)('tells reasons per impression %s, request says %j: %s', async (seatNonBid, ext, told) => {
    const { url } = await start({ seatNonBid });
    const pod = { id: '1', video: { mimes: ['video/mp4'], poddur: 60 } };
    const body = JSON.stringify(bannerRequest('reasons', { imp: [pod], ...(ext && { ext }) }));
    const response = await fetch(`${url}/openrtb2/demo`, { method: 'POST', body });
    expect(response.status).toBe(told ? 200 : 204);
    if (told) expect(await response.json()).toMatchObject({ ext: { seatnonbid: [{ seat: 'adloop' }] } });
  });

  it.each(['one line only', `${'A'.repeat(40)}\n${'A'.repeat(8)}`])(
    'does not start with keys that are none: %j',
    async (text) => {
      const keys = join(folder, `bad-${text.length}`);
      mkdirSync(keys);
      writeFileSync(join(keys, 'x.price-keys'), text);
      await expect(start({}, { PRICE_KEYS_DIR: keys })).rejects.toThrow('x.price-keys must hold two lines of base64');
    },
  );
});
