import { createPublicKey, verify } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { startDuties } from '../../apps/control-plane/src/application';
import { CanaryLeases } from '../../apps/control-plane/src/edges/canary-leases.service';
import { EdgeFleet } from '../../apps/control-plane/src/edges/edge-fleet.service';
import { SnapshotPublisher } from '../../apps/control-plane/src/edges/snapshot-publisher.service';
import { ShippedSeed } from '../../apps/control-plane/src/shipped/shipped-seed';
import type { HeartbeatResponse } from '../../domain/contracts/edge-protocol';
import { type PolicySnapshot, policySnapshotSchema } from '../../domain/contracts/policy-snapshot';
import type { Signed } from '../../domain/contracts/signed';
import { campaignInput, ControlPlaneHarness, creativeInput } from './control-plane-harness';
import { ARTIFACT, ARTIFACT_SHA256, shippedFolder } from './control-plane-shipped';

describe('snapshots and edges on a real Postgres', () => {
  let plane: ControlPlaneHarness;
  let shipped: string;

  beforeAll(async () => {
    shipped = shippedFolder();
    plane = await ControlPlaneHarness.start({ SHIPPED_DIR: shipped });
  });
  afterAll(async () => {
    await plane.stop();
    rmSync(shipped, { recursive: true });
  });

  const get = (headers: Record<string, string> = {}, waitMs = 0) =>
    plane.call<Signed>('GET', `/edge/v1/snapshot?waitMs=${waitMs}`, { as: 'edge', headers });

  const newest = async (): Promise<PolicySnapshot> => JSON.parse((await get()).body.payload) as PolicySnapshot;

  function isGenuine(signed: Signed): boolean {
    const key = createPublicKey(readFileSync(path.join(plane.keys.snapshotPublic, `${signed.keyId}.pub.pem`)));
    return verify(null, Buffer.from(signed.payload), key, Buffer.from(signed.signature, 'base64url'));
  }

  const heartbeat = (overrides: Record<string, unknown> = {}) =>
    plane.call<HeartbeatResponse>('POST', '/edge/v1/heartbeat', {
      as: 'edge',
      body: {
        edgeId: 'edge-1',
        fleet: 'demo',
        bootId: 'boot-1',
        sentAtMs: Date.now(),
        snapshotId: null,
        snapshotVersion: null,
        refusedSnapshot: null,
        servingCanary: null,
        killLevel: 'none',
        quarantinedAgents: [],
        counters: { requests: 0 },
        outboxBytes: 0,
        grants: [],
        ...overrides,
      },
    });

  test('before anything is seeded an edge is told to come back', async () => {
    expect(await get()).toMatchObject({ status: 503, headers: { 'retry-after': '1' }, body: { code: 'not-ready' } });
    expect((await heartbeat()).body).toMatchObject({ snapshotVersion: null, canaryLease: null, grants: [] });
  });

  test('a fresh database is seeded from the shipped folder once, and the first snapshot serves all of it', async () => {
    await startDuties(plane.app);
    expect(await plane.app.get(ShippedSeed, { strict: false }).seed()).toBe(false);
    const answer = await get();
    expect(answer).toMatchObject({ status: 200, headers: { etag: '"1"' } });
    expect(isGenuine(answer.body)).toBe(true);
    expect(isGenuine({ ...answer.body, payload: answer.body.payload.replace('"version":1', '"version":2') })).toBe(
      false,
    );
    const snapshot = policySnapshotSchema.parse(JSON.parse(answer.body.payload));
    expect(snapshot).toMatchObject({ version: 1, layerSalt: 'salt', champion: { bid: { modelVersionId: 'bid-0' } } });
    expect(snapshot.campaigns.length).toBeGreaterThan(5);
    expect(snapshot.creatives.every((creative) => snapshot.creativeStats[creative.creativeId])).toBe(true);
  });

  test('an edge that has it is answered 304; publishing without a change publishes nothing', async () => {
    expect(await get({ 'if-none-match': '"1"' })).toMatchObject({ status: 304, headers: { etag: '"1"' } });
    expect(await plane.app.get(SnapshotPublisher, { strict: false }).publish('nothing happened')).toMatchObject({
      version: 1,
    });
  });

  test('creating a campaign publishes the next version and wakes a waiting edge at once', async () => {
    const { version } = await newest();
    const startedMs = Date.now();
    const waiting = get({ 'if-none-match': `"${version}"` }, 20_000);
    const { body } = await plane.call<{ advertiserId: string }>('POST', '/api/v1/advertisers', {
      body: { name: 'New', domain: 'new.example' },
    });
    const made = await plane.call<{ campaignId: string }>('POST', '/api/v1/campaigns', {
      body: campaignInput(body.advertiserId),
    });
    const woken = await waiting;
    expect(woken).toMatchObject({ status: 200, headers: { etag: `"${version + 1}"` } });
    expect(Date.now() - startedMs).toBeLessThan(4_000);
    await plane.call('POST', '/api/v1/creatives', { body: creativeInput(made.body.campaignId) });
    const snapshot = await newest();
    expect(snapshot.version).toBe(version + 2);
    expect(snapshot.creatives.filter((creative) => creative.campaignId === made.body.campaignId)).toHaveLength(1);
    const paused = await plane.call('PATCH', `/api/v1/campaigns/${made.body.campaignId}`, {
      body: { status: 'paused' },
      headers: { 'if-match': '*' },
    });
    expect(paused.status).toBe(200);
    expect((await newest()).campaigns.map((campaign) => campaign.campaignId)).not.toContain(made.body.campaignId);
  });

  test('a long poll without news ends by its own time', async () => {
    const { version } = await newest();
    const startedMs = Date.now();
    expect((await get({ 'if-none-match': `"${version}"` }, 300)).status).toBe(304);
    expect(Date.now() - startedMs).toBeGreaterThanOrEqual(290);
    expect((await get({}, 60_000)).body).toMatchObject({ status: 422, errors: [{ pointer: '/waitMs' }] });
  });

  test('concurrent publications make one version each, without gaps', async () => {
    const publisher = plane.app.get(SnapshotPublisher, { strict: false });
    const { version } = await newest();
    const results = await Promise.all(Array.from({ length: 20 }, (_, n) => publisher.publish(`again ${n}`)));
    expect(new Set(results.map((result) => result.version))).toEqual(new Set([version]));
  });

  test('an artifact comes by its hash, byte for byte; others are 404', async () => {
    const answer = await plane.app.inject({
      url: `/edge/v1/artifacts/${ARTIFACT_SHA256}`,
      headers: { authorization: `Bearer ${readFileSync(plane.keys.edgeTokenFile, 'utf8').trim()}` },
    });
    expect(answer.rawPayload.equals(ARTIFACT)).toBe(true);
    expect((await plane.call('GET', `/edge/v1/artifacts/${'0'.repeat(64)}`, { as: 'edge' })).status).toBe(404);
    expect((await plane.call('GET', '/edge/v1/artifacts/..%2Fsnapshot', { as: 'edge' })).status).toBe(404);
  });

  test('a heartbeat stores what the edge really serves and answers with budget for every campaign', async () => {
    const { snapshotId, version, campaigns } = await newest();
    const first = await heartbeat({ snapshotId, snapshotVersion: version });
    expect(first.body.snapshotVersion).toBe(version);
    expect(new Set(first.body.grants.map((grant) => grant.campaignId))).toEqual(
      new Set(campaigns.map((campaign) => campaign.campaignId)),
    );
    expect(first.body.grants.every((grant) => grant.amountNanos > 0 && grant.outageNanos < grant.amountNanos)).toBe(
      true,
    );
    const fleet = plane.app.get(EdgeFleet, { strict: false });
    expect(await fleet.acknowledged(version)).toMatchObject({
      acknowledged: ['edge-1'],
      stragglers: [],
      connected: [],
    });
    expect(await fleet.acknowledged(version + 1)).toMatchObject({
      ...{ acknowledged: [], stragglers: ['edge-1'], connected: ['edge-1'] },
      edges: [{ edgeId: 'edge-1', live: true, serves: false }],
    });
    await heartbeat({
      edgeId: 'edge-2',
      snapshotVersion: 1,
      refusedSnapshot: { version, code: 'BAD_HASH', detail: 'x' },
    });
    expect(await fleet.acknowledged(version)).toMatchObject({ acknowledged: ['edge-1'], stragglers: ['edge-2'] });
    const edges = await plane.call<{ items: object[] }>('GET', '/api/v1/edges', { as: 'vera' });
    expect(edges.body.items).toMatchObject([
      { edgeId: 'edge-1', live: true, snapshotVersion: version },
      { edgeId: 'edge-2', refusedSnapshot: { code: 'BAD_HASH' } },
    ]);
  });

  test('a heartbeat that breaks its contract, or of another fleet, is refused', async () => {
    expect((await heartbeat({ outboxBytes: 'many' })).body).toMatchObject({
      status: 422,
      errors: [{ pointer: '/outboxBytes' }],
    });
    expect((await heartbeat({ fleet: 'other' })).body).toMatchObject({ status: 422, errors: [{ pointer: '/fleet' }] });
  });

  describe('canary leases', () => {
    const terms = { rolloutId: 'ro_1', cell: 'default', stage: 1, shareBps: 500 };
    const leases = () => plane.app.get(CanaryLeases, { strict: false });

    test('a live lease reaches edges signed; an ended one no longer, nor can a late guard revive it', async () => {
      await leases().renew(terms);
      const { canaryLease } = (await heartbeat()).body;
      expect(isGenuine(canaryLease!)).toBe(true);
      const payload = JSON.parse(canaryLease!.payload) as { expiresAtMs: number };
      expect(payload).toMatchObject({ rolloutId: 'ro_1', stage: 1, shareBps: 500 });
      expect(payload.expiresAtMs - Date.now()).toBeLessThanOrEqual(120_000);
      await leases().end('ro_1', 'inferior');
      expect((await heartbeat()).body.canaryLease).toBeNull();
      await expect(leases().renew(terms)).rejects.toMatchObject({ code: 'conflict' });
      await leases().renew({ ...terms, stage: 2 });
      expect(await leases().current('default')).toMatchObject({ stage: 2 });
    });

    test('the guard of the stage before cannot take the lease of the next one', async () => {
      const next = { ...terms, stage: 3, shareBps: 2500 };
      await leases().renew(next);
      await expect(leases().renew({ ...terms, stage: 2 })).rejects.toMatchObject({ code: 'conflict' });
      expect(await leases().current('default')).toMatchObject({ stage: 3, shareBps: 2500 });
      await leases().renew(next);
    });

    test('another rollout gets the cell only when the lease before it has lapsed', async () => {
      const other = { ...terms, rolloutId: 'ro_2' };
      await expect(leases().renew(other)).rejects.toThrow(/canary_lease_one_per_cell/);
      await leases().renew(other, Date.now() + 121_000);
      expect(await leases().current('default', Date.now() + 121_500)).toMatchObject({ rolloutId: 'ro_2' });
    });
  });

  test('the page shows what the fleet serves', async () => {
    const page = await plane.call<string>('GET', '/', { as: 'vera' });
    for (const text of ['bid-0', 'edge-1', 'simulate', 'not yet']) expect(page.body).toContain(text);
    expect(page.body).not.toMatch(/undefined|NaN|\[object/);
  });
});
