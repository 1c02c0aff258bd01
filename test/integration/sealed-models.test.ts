import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { defaultPlan } from '#domain/contracts';
import { ModelRepository } from '../../apps/control-plane/src/registry/model.repository';
import { ArtifactStore } from '../../apps/control-plane/src/registry/artifact-store';
import { RolloutLint } from '../../apps/control-plane/src/rollouts/rollout-lint.service';
import { ShippedSeed } from '../../apps/control-plane/src/shipped/shipped-seed';
import { AttemptRepository } from '../../apps/control-plane/src/training/attempt.repository';
import { SnapshotPublisher } from '../../apps/control-plane/src/edges/snapshot-publisher.service';
import { ControlPlaneHarness, SHIPPED_DIR } from './control-plane-harness';

const PASSED = { gate: 'simulator', passed: true, value: 1, bound: 0, n: 1, reason: 'never ran' };

/** Fault 26: bytes or manifest of a candidate change between its gates and its rollout. */
describe('a registered model', () => {
  let plane: ControlPlaneHarness;
  let models: ModelRepository;

  beforeAll(async () => {
    plane = await ControlPlaneHarness.start({ SHIPPED_DIR });
    await plane.app.get(ShippedSeed).seed();
    models = plane.app.get(ModelRepository);
  });
  afterAll(() => plane.stop());

  async function candidate(id: string): Promise<string> {
    const shipped = (await models.list({ agent: 'bid', limit: 50 })).at(-1)!.manifest;
    const bytes = Buffer.concat([
      await plane.app.get(ArtifactStore).get(shipped.policy.artifact!.sha256),
      // An unknown field at the end of a protobuf message: other bytes, the same model.
      Buffer.from([0xf2, 0x07, 0x01, id.length]),
    ]);
    const sha256 = await plane.app.get(ArtifactStore).put(bytes);
    const { createdAt: _, ...manifest } = shipped;
    const policy = { ...shipped.policy, modelVersionId: id, artifact: { ...shipped.policy.artifact!, sha256 } };
    const registered = { ...manifest, modelVersionId: id, policy } as typeof manifest;
    await models.register({ key: `test/${id}`, manifest: registered, createdBy: 'mia' });
    return sha256;
  }

  const codes = async (candidateId: string): Promise<string[]> => {
    const subject = { rolloutId: 'rol_x', cell: 'default', agent: 'bid' as const, candidateId };
    const { faults } = await plane.app.get(RolloutLint).findings(subject, defaultPlan('default'));
    return faults.map((fault) => fault.code).filter((code) => /^(MANIFEST|ARTIFACT)/.test(code));
  };
  /** What only the tables' owner can do: for the control plane the registry is append-only. */
  async function tamper(sql: string, values: unknown[]): Promise<void> {
    const owner = new Client({ connectionString: plane.config.databaseUrl });
    await owner.connect();
    try {
      await owner.query('ALTER TABLE model_version DISABLE TRIGGER USER');
      await owner.query(sql, values);
      await owner.query('ALTER TABLE model_version ENABLE TRIGGER USER');
    } finally {
      await owner.end();
    }
  }

  test('is sealed when it is registered, and its snapshot carries the seal', async () => {
    await candidate('bid-good');
    const model = (await models.find('bid-good'))!;
    expect(model.seal).toMatchObject({ keyId: 'snapshot', algorithm: 'ed25519' });
    expect(await models.sealFault(model)).toBeNull();
    expect(await codes('bid-good')).toEqual([]);
    const { snapshotId } = await plane.app.get(SnapshotPublisher).publish('with seals');
    const snapshot = await plane.app.get(SnapshotPublisher).snapshot(snapshotId);
    expect(Object.keys(snapshot.seals!).sort()).toEqual(
      Object.values(snapshot.champion)
        .map((policy) => policy.modelVersionId)
        .sort(),
    );
  });

  test.each([
    ['a parameter', `jsonb_set(manifest, '{policy,params,epsilon}', '0.5')`, 'manifest and policy differ'],
    ['its gates', `jsonb_set(manifest, '{gates}', '${JSON.stringify([PASSED])}')`, 'manifest differ'],
    ['its lineage', `jsonb_set(manifest, '{seed}', '99')`, 'manifest differ'],
    ['its artifact', `jsonb_set(manifest, '{policy,artifact,sha256}', to_jsonb(repeat('a', 64)))`, 'artifact'],
  ])('whose manifest was altered in the database (%s) does not roll out', async (what, to, why) => {
    const id = `bid-${what.replaceAll(' ', '-')}`;
    await candidate(id);
    expect(await codes(id)).toEqual([]);
    await tamper(`UPDATE model_version SET manifest = ${to} WHERE model_version_id = $1`, [id]);
    expect(await codes(id)).toContain('MANIFEST_ALTERED');
    expect(await models.sealFault((await models.find(id))!)).toMatch(new RegExp(why));
  });

  test('whose seal was replaced or removed does not roll out', async () => {
    await candidate('bid-resealed');
    const other = (await models.find('bid-good'))!.seal;
    await tamper('UPDATE model_version SET seal = $2 WHERE model_version_id = $1', ['bid-resealed', other]);
    expect(await codes('bid-resealed')).toEqual(['MANIFEST_ALTERED']);
    await tamper('UPDATE model_version SET seal = NULL WHERE model_version_id = $1', ['bid-resealed']);
    expect(await codes('bid-resealed')).toEqual(['MANIFEST_ALTERED']);
  });

  test('whose bytes changed on disk, or went, does not roll out', async () => {
    const sha256 = await candidate('bid-bytes');
    const file = path.join(plane.config.adloopHome, 'artifacts', `${sha256}.onnx`);
    const bytes = readFileSync(file);
    bytes[100]! ^= 1;
    writeFileSync(file, bytes);
    expect(await codes('bid-bytes')).toEqual(['ARTIFACT_ALTERED']);
  });

  test('attempts: a newer one takes the checkpoint over and fences the older one out, also across processes', async () => {
    const attempts = plane.app.get(AttemptRepository);
    const other = new AttemptRepository(plane.database, plane.config);
    const first = { key: 'retrain/demo/bid/daily/1/run/trainBidModel', attempt: 1 };
    const second = { ...first, attempt: 2 };
    expect(await attempts.claim(first)).toEqual({ checkpoint: null });
    await attempts.keep(first, 3, Buffer.from('after epoch 3'));
    expect(Buffer.from((await other.claim(second)).checkpoint!).toString()).toBe('after epoch 3');
    for (const late of [
      () => attempts.keep(first, 4, Buffer.from('late')),
      () => attempts.finish(first),
      () => attempts.claim(first),
      () => plane.database.transaction((manager) => attempts.assertCurrent(first, manager)),
    ]) {
      await expect(late()).rejects.toMatchObject({ type: 'FENCED_ATTEMPT' });
    }
    await other.keep(second, 4, Buffer.from('after epoch 4'));
    // A file that is not what was kept is no checkpoint: the training starts anew.
    const [{ checkpoint_sha256: kept }] = await plane.database.query<[{ checkpoint_sha256: string }]>(
      'SELECT checkpoint_sha256 FROM training_attempt WHERE attempt_key = $1',
      [first.key],
    );
    writeFileSync(path.join(plane.config.adloopHome, 'checkpoints', `${kept}.ckpt`), 'broken');
    expect(await other.claim({ ...first, attempt: 3 })).toEqual({ checkpoint: null });
    await expect(
      plane.database.query('UPDATE training_attempt SET attempt = 1 WHERE attempt_key = $1', [first.key]),
    ).rejects.toThrow(/is fenced by attempt 3/);
  });

  test('incidents: opened and closed by people with the role; a stop of bidding opens and ends its own', async () => {
    const open = await plane.call('POST', '/api/v1/incidents', { as: 'oscar', body: { reason: 'prices in cents' } });
    expect(open).toMatchObject({ status: 201, body: { openedBy: 'oscar', to: null, cell: 'default' } });
    expect((await plane.call('POST', '/api/v1/incidents', { as: 'vera', body: { reason: 'x' } })).status).toBe(403);
    const before = { from: '2026-02-01T00:00:00Z', to: '2026-01-01T00:00:00Z', reason: 'x' };
    const refused = await plane.call('POST', '/api/v1/incidents', { as: 'oscar', body: before });
    expect(refused).toMatchObject({ status: 422, body: { errors: [{ pointer: '/to', code: 'before-from' }] } });
    const path1 = `/api/v1/incidents/${String(open.body.incidentId)}/close`;
    const closed = await plane.call('POST', path1, { as: 'mila', body: {} });
    expect(closed).toMatchObject({ status: 200, body: { closedBy: 'mila' } });
    expect((await plane.call('POST', path1, { as: 'oscar', body: {} })).body).toEqual(closed.body);
    expect((await plane.call('POST', '/api/v1/incidents/none/close', { body: {} })).status).toBe(404);
    const set = (bidding: string, by: string) =>
      plane.database.query('UPDATE serving_control SET bidding = $1, updated_by = $2, reason = $3', [
        bidding,
        by,
        'why',
      ]);
    await set('stopped', 'oscar');
    await set('stopped', 'oscar');
    await set('running', 'bob');
    const { body } = await plane.call<{ items: Record<string, unknown>[] }>('GET', '/api/v1/incidents');
    expect(body.items).toMatchObject([{ reason: 'bidding stopped: why', openedBy: 'oscar', closedBy: 'bob' }, {}]);
    expect(body.items[0]!.to).not.toBeNull();
  });
});
