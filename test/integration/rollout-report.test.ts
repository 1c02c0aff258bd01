import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { ShippedSeed } from '../../apps/control-plane/src/shipped/shipped-seed';
import type { RolloutReport } from '../../apps/control-plane/src/evidence/report/report-schema';
import { IntentRepository } from '../../apps/control-plane/src/ledger/intent.repository';
import { storePastRollout, type StoredPast } from '../fixtures/past-rollout';
import { CliRunner } from './cli-runner';
import { ControlPlaneHarness, SHIPPED_DIR } from './control-plane-harness';

const T0 = Date.parse('2026-11-01T10:00:00Z');
const EVIL = '<script>alert("x")</script>';

/** Given a rollout with its looks, approvals and intents; when its report is asked for; then it is whole, for people and programs. */
describe('report of a rollout', () => {
  let plane: ControlPlaneHarness;
  let adloop: CliRunner;
  let bad: StoredPast;

  beforeAll(async () => {
    plane = await ControlPlaneHarness.start({ SHIPPED_DIR });
    await plane.app.get(ShippedSeed).seed();
    adloop = await CliRunner.over(plane);
    await storePastRollout(plane, { rolloutId: 'rol_good', effect: 0.02, seed: 3, startMs: T0, clicksPerLook: 6 });
    bad = await storePastRollout(plane, {
      ...{ rolloutId: 'rol_bad', effect: -0.2, seed: 4, startMs: T0 + 3_600_000, clicksPerLook: 12 },
      gates: [
        {
          ...{ gate: 'simulator', passed: true, value: 0, bound: -0.05, n: 12_000, reason: EVIL },
          forecast: {
            source: 'simulator',
            metric: 'value',
            relativeEffect: 0.1,
            lower: 0,
            upper: 0.2,
            confidence: 0.95,
          },
        },
      ],
    });
    await plane.database.query(
      `INSERT INTO approval (approval_id, rollout_id, stage, evidence_digest, approver, decision, reason, expires_at, recorded_at)
       VALUES ('apr_1', 'rol_bad', 0, 'feed', 'alice', 'approve', $1, $2, $2)`,
      [EVIL, new Date(T0 + 3_600_000 - 5000)],
    );
    await plane.app.get(IntentRepository).append({
      ...{ key: 'k', kind: 'rollout.rolled-back', publisher: 'operator', subject: 'rol_bad' },
      ...{ action: {}, reason: 'value is worse', expiresAt: null },
    });
    await plane.database.query(
      `INSERT INTO snapshot (version, snapshot_id, fleet, cell, reason, content_sha256, payload, key_id, signature, published_at)
       SELECT 100 + n, 's' || n, 'demo', 'default', 'r', repeat(n::text, 64), payload, 'k', 's', $1::timestamptz + n * interval '5 s'
       FROM (VALUES (1, '{"canary": null, "shadows": [{"rolloutId": "rol_bad", "sampleBps": 1000}]}'),
         (2, '{"canary": {"rolloutId": "rol_bad", "shareBps": 2500, "stage": 1}, "shadows": []}'),
         (3, '{"canary": {"rolloutId": "rol_bad", "shareBps": 2500, "stage": 1}, "shadows": []}'),
         (4, '{"canary": {"rolloutId": "rol_other", "shareBps": 2500, "stage": 1}, "shadows": []}')) v (n, payload)`,
      [new Date(T0 + 3_600_000 - 20_000)],
    );
  }, 120_000);
  afterAll(() => plane.stop());

  test('the JSON form has every look with bounds, shares, events, time to safe and forecasts', async () => {
    const report = await adloop.json<RolloutReport>('report', 'rol_bad', '--format', 'json');
    expect(report.schema).toBe('adloop.rollout-report/1');
    expect(report.looks.map(({ stage, look, digest }) => [stage, look, digest])).toEqual(
      bad.looks.map(({ stage, look, digest }) => [stage, look, digest]),
    );
    expect(report.looks.every(({ isSealed }) => isSealed)).toBe(true);
    const [value, ctr, fallback] = report.looks.at(-1)!.metrics;
    expect(value).toMatchObject({ metric: 'value', role: 'primary', limit: null });
    expect(report.looks.at(-1)!.verdict).toBe('inferior');
    expect(value!.effect!.effect).toBeLessThan(-0.05);
    expect(value!.effect!.lower).toBeLessThan(value!.effect!.effect);
    expect(ctr!.effect).not.toBeNull();
    expect(fallback).toMatchObject({ metric: 'fallbackShare', effect: null });
    expect(fallback!.limit).toBeGreaterThan(0);
    expect(report.shares.map(({ canaryBps, shadowBps }) => [canaryBps, shadowBps])).toEqual([
      [0, 1000],
      [2500, 0],
      [0, 0],
    ]);
    expect(report.events.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['requested', 'approved', 'intent', 'ended']),
    );
    expect(report.events.map(({ atMs }) => atMs)).toEqual(report.events.map(({ atMs }) => atMs).sort((a, b) => a - b));
    expect(report.safe).toMatchObject({ timeToSafeMs: 840, acknowledged: ['edge-1'], stragglers: [] });
    expect(report.forecasts).toMatchObject([{ source: 'simulator', outcome: 'scored' }]);
  });

  test('the page is one file that loads nothing, runs nothing and escapes everything', async () => {
    const file = path.join(plane.config.adloopHome, 'report.html');
    const { code, out } = await adloop.run('report', 'rol_bad', '--out', file);
    expect([code, out]).toEqual([0, `Wrote ${file}.\n`]);
    const page = readFileSync(file, 'utf8');
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).not.toContain('<script');
    expect(page.match(/\b(src|href|url|@import)\b\s*[=(]\s*["']?(?!#)[^"')\s]*/g) ?? []).toEqual(
      ['url(#clip-'].filter(() => false),
    );
    expect(page).toContain('&lt;script&gt;');
    expect(page).not.toMatch(/NaN|undefined|Infinity|\[object/);
    expect(page.match(/<svg\b/g)!.length).toBeGreaterThanOrEqual(8);
    for (const text of ['Time to safe: 0.8 s', 'alice', 'rolled-back', 'margin -5.0 %', 'Forecasts against', 'All '])
      expect(page).toContain(text);
    const served = await plane.call<string>('GET', '/api/v1/rollouts/rol_bad/report?format=html', { as: 'vera' });
    expect(served.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': expect.stringContaining("style-src 'unsafe-inline'"),
    });
  });

  test('a rollout without looks has a report too; an unknown one is not found; a strange format is refused', async () => {
    await plane.database.query(
      `INSERT INTO rollout (rollout_id, fleet, cell, agent, candidate_id, plan, requested_by, state)
       SELECT 'rol_new', fleet, cell, agent, 'nobody', plan, 'mila', 'planned' FROM rollout WHERE rollout_id = 'rol_bad'`,
    );
    expect(await adloop.json('report', 'rol_new', '--format', 'json')).toMatchObject({
      looks: [],
      candidate: null,
      safe: null,
    });
    const { out } = await adloop.run('report', 'rol_new');
    expect(out).toContain('No look was taken');
    expect(out).not.toMatch(/NaN|undefined|Infinity/);
    expect((await adloop.run('report', 'rol_x')).code).toBe(3);
    expect((await adloop.run('report', 'rol_bad', '--format', 'pdf')).code).toBe(2);
  });

  test('an altered look is told', async () => {
    // As the tables' owner: the application itself has no right to.
    const owner = new Client({ connectionString: plane.config.databaseUrl });
    await owner.connect();
    await owner.query('ALTER TABLE look DISABLE TRIGGER look_append_only');
    await owner.query(
      `UPDATE look SET evidence = jsonb_set(evidence, '{srmP}', '0.5') WHERE rollout_id = 'rol_good' AND stage = 1 AND look = 1`,
    );
    await owner.query('ALTER TABLE look ENABLE TRIGGER look_append_only');
    await owner.end();
    expect((await adloop.run('report', 'rol_good')).out).toMatch(
      /WARNING: 1 of \d+ looks no longer hash to their digest/,
    );
  });
});
