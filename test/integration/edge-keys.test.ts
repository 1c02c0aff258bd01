import { readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { buildProgram } from '../../apps/cli/src/main';
import { EdgeProcess, waitFor } from '../fixtures/edge-process';
import { EdgeScene } from '../fixtures/edge-scene';
import { ask, bannerRequest, grantsFor, notify } from '../fixtures/edge-traffic';

/** The key of notice URLs changed under two running edges that hear each other's notices, by the command line. */
describe('two edges whose notice key is rotated', () => {
  let scene: EdgeScene;
  let other: EdgeProcess;
  let keyFile: string;

  beforeAll(async () => {
    scene = await EdgeScene.open('edge-keys');
    keyFile = scene.keys.env['NOTICE_KEY_FILE'] ?? '';
    scene.control.grants.push(
      ...grantsFor(scene.snapshot, 1e12, {}).map((grant) => ({ ...grant, grantId: `o-${grant.grantId}` })),
    );
    other = new EdgeProcess(join(scene.folder, 'other'), {
      ...scene.keys.env,
      EDGE_ID: 'edge-2',
      CONTROL_PLANE_URL: scene.control.url,
    });
    await other.start();
    await waitFor(async () => (await ask(other.url, bannerRequest('warm'))) !== null);
  });
  afterAll(async () => {
    await other.end('SIGKILL');
    await scene.close();
  });

  const adloop = async (...args: string[]): Promise<unknown> => {
    const log = jest.spyOn(console, 'log').mockImplementation(() => undefined);
    try {
      return await buildProgram().parseAsync(['node', 'adloop', ...args, '--file', keyFile]);
    } finally {
      log.mockRestore();
    }
  };
  const keyOf = (url: string): string => /[?&]t=n2\.([0-9a-f]{8})\./.exec(url)?.[1] ?? '';
  const bidOf = async (edge: EdgeProcess, user: string) => {
    const bid = await ask(edge.url, bannerRequest(user));
    if (bid === null) throw new Error('no bid');
    return bid;
  };
  /** The same notice, as it comes when it is sent to the other edge. */
  const at = (edge: EdgeProcess, url: string): string => edge.url + url.slice(url.indexOf('/n/'));
  const taken = (edge: EdgeProcess): Promise<number> =>
    edge.metric('adloop_edge_notice_key_files_total{verdict="taken"}');

  it('signs with the new one, hears the old one on, each edge the other, and a restart changes nothing', async () => {
    const before = await bidOf(scene.edge, 'before');
    await adloop('keys', 'rotate', 'notice', '--step', 'announce');
    await waitFor(async () => (await taken(scene.edge)) === 1 && (await taken(other)) === 1);
    const announced = await bidOf(scene.edge, 'announced');
    expect(keyOf(announced.burl)).toBe(keyOf(before.burl));

    await adloop('keys', 'rotate', 'notice', '--step', 'sign');
    await waitFor(async () => (await taken(scene.edge)) === 2 && (await taken(other)) === 2);
    const after = await bidOf(scene.edge, 'after');
    expect(keyOf(after.burl)).not.toBe(keyOf(before.burl));
    expect((await notify(before.burl, { price: before.price })).status).toBe(200);
    expect((await notify(at(other, announced.burl), { price: announced.price })).status).toBe(200);
    expect((await notify(at(other, after.burl), { price: after.price })).status).toBe(200);

    await scene.edge.end('SIGKILL');
    await scene.edge.start();
    expect(await (await notify(before.burl, { price: before.price })).json()).toEqual({ status: 'duplicate' });
    expect((await notify(after.nurl, { price: after.price })).status).toBe(200);
  });

  it('refuses a third key, and retires the old one only when its last token is over', async () => {
    await expect(adloop('keys', 'rotate', 'notice')).rejects.toMatchObject({ code: 'TWO_KEYS_LIVE' });
    await expect(adloop('keys', 'retire', 'notice')).rejects.toMatchObject({ code: 'TOKENS_LIVE' });
    expect(readFileSync(keyFile, 'utf8').trim().split('\n').length).toBe(2);
    const old = await bidOf(other, 'old');
    const aged = new Date(Date.now() - 745 * 3_600_000);
    utimesSync(keyFile, aged, aged);
    await adloop('keys', 'retire', 'notice');
    await waitFor(() =>
      other.metric(`adloop_edge_notice_key{key="${keyOf(old.burl)}",role="signs"}`).then((n) => n === 1),
    );
    await waitFor(() => taken(other).then((n) => n === 3));
    expect((await notify(old.burl, { price: old.price })).status).toBe(200);
    await expect(adloop('keys', 'retire', 'notice')).rejects.toMatchObject({ code: 'ONE_KEY_LIVE' });
  });
});
