import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { CampaignWhy, EdgeStatus } from '#domain/contracts';
import { demoSnapshot } from '../fixtures/demo-snapshot';
import { EdgeProcess, waitFor } from '../fixtures/edge-process';
import { ask, bannerRequest, grantsFor } from '../fixtures/edge-traffic';
import { EdgeKeys, FakeControlPlane } from '../fixtures/fake-control-plane';
import { temporaryFolder } from '../fixtures/local-edge';
import { CliRunner } from './cli-runner';

describe('what an edge process says of itself, and the command line that asks', () => {
  const folder = temporaryFolder('edge-admin');
  const keys = new EdgeKeys(folder);
  const control = new FakeControlPlane(keys);
  const snapshot = demoSnapshot({ version: 5, snapshotId: 'snap-5' });
  const [first] = snapshot.campaigns as [(typeof snapshot.campaigns)[0]];
  let edge: EdgeProcess;
  let cli: CliRunner;

  beforeAll(async () => {
    await control.start();
    edge = new EdgeProcess(join(folder, 'edge'), { ...keys.env, CONTROL_PLANE_URL: control.url });
    await edge.start();
    // No stack and no control plane of its own: the admin port is all it has.
    cli = CliRunner.at('http://127.0.0.1:1', join(folder, 'home'));
  });
  afterAll(async () => {
    await edge.end('SIGKILL');
    await control.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const status = () => cli.json<EdgeStatus>('edge', 'status', '--url', edge.adminUrl, '-o', 'json');
  const why = (id = first.campaignId) => cli.json<CampaignWhy>('edge', 'why', id, '--url', edge.adminUrl, '-o', 'json');
  const blocks = async (id?: string) => (await why(id)).blocks.map(({ block }) => block);

  it('answers before its first snapshot, and says that this is why nothing bids', async () => {
    expect(await status()).toMatchObject({ notReady: 'no snapshot yet', serving: { version: null, arms: [] } });
    const unknown = await cli.run('edge', 'why', first.campaignId, '--url', edge.adminUrl);
    expect(unknown).toMatchObject({ code: 3, err: expect.stringContaining('UNKNOWN_CAMPAIGN') as string });
  });

  it('says which lease is missing until there is one', async () => {
    control.publish(snapshot);
    await waitFor(async () => (await status()).serving.version === 5);
    await ask(edge.url, bannerRequest('first'));
    expect(await blocks()).toEqual(['no-budget-here']);
    control.grants = grantsFor(snapshot, 1e9);
    await waitFor(async () => (await ask(edge.url, bannerRequest('warm'))) !== null);
    expect(await blocks()).toEqual([]);
    const { reasons, grants } = await why();
    expect(reasons.map(({ reason }) => reason)).toContain('budget-exhausted');
    expect(grants.map(({ arm }) => arm).sort()).toEqual(['canary', 'champion']);
    expect(await status()).toMatchObject({ notReady: null, controlPlane: { reachable: true } });
  });

  it('keeps the snapshots it refused, newest first', async () => {
    control.publish({ ...snapshot, version: 6 }, 'no bundle');
    await waitFor(async () => (await status()).refusals.length > 0);
    control.publish({ ...snapshot, version: 7, fleet: 'other' });
    await waitFor(async () => (await status()).refusals[0]?.code === 'WRONG_FLEET');
    const told = await status();
    expect(told.refusals.at(-1)).toMatchObject({ code: 'MALFORMED' });
    expect(told.serving.version).toBe(5);
    expect(await (await fetch(`${edge.adminUrl}/`)).text()).toContain('WRONG_FLEET');
  });

  it('says that a kill order stops a campaign, and that one stops everything', async () => {
    keys.kill({ level: 'stop-bidding', seq: 1, scope: { fleet: 'demo', campaignId: first.campaignId } }, ['a']);
    await waitFor(async () => (await blocks()).includes('campaign-stopped'));
    keys.kill({ level: 'stop-bidding', seq: 2 }, ['a']);
    await waitFor(async () => (await status()).kill.level === 'stop-bidding');
    expect(await blocks(snapshot.campaigns[1]?.campaignId)).toContain('bidding-stopped');
    expect(await (await fetch(`${edge.adminUrl}/`)).text()).toContain('Kill level stop-bidding is in force');
  });

  it('tells people in a table', async () => {
    const { out } = await cli.run('edge', 'status', '--url', edge.adminUrl);
    for (const word of ['edge-1, fleet demo', 'stop-bidding', 'p99.9', 'WRONG_FLEET']) expect(out).toContain(word);
    expect((await cli.run('edge', 'why', first.campaignId, '--url', edge.adminUrl)).out).toContain('A kill order');
  });

  it('ends with a stable code when no edge answers', async () => {
    expect((await cli.run('edge', 'status')).err).toMatch(/^NO_EDGE: .*\nStart one/);
    expect(await cli.run('edge', 'status', '--url', control.url)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^NOT_AN_EDGE: .*HTTP 401/) as string,
    });
    await edge.end('SIGTERM');
    const gone = await cli.run('edge', 'status', '--url', edge.adminUrl);
    expect(gone).toMatchObject({ code: 1, err: expect.stringMatching(/^EDGE_UNREACHABLE: .*ECONNREFUSED/) as string });
  });
});
