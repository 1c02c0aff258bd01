import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { GateResult } from '#domain/contracts';
import { ShippedSeed } from '../../apps/control-plane/src/shipped/shipped-seed';
import { RolloutRepository } from '../../apps/control-plane/src/rollouts/rollout.repository';
import { pastPlan, storePastRollout, type StoredPast } from '../fixtures/past-rollout';
import { CliRunner } from './cli-runner';
import { ControlPlaneHarness, SHIPPED_DIR } from './control-plane-harness';

interface Judged {
  step: string;
  verdict: string;
  reason: string;
}

interface Rejudgement {
  rollouts: number;
  looks: number;
  judged: number;
  unjudged: number;
  altered: number;
  flips: number;
  items: {
    rolloutId: string;
    flips: { stage: number; look: number; from: Judged; to: Judged; first: boolean }[];
    unjudged: { look: number; reason: string }[];
  }[];
}

interface Quality {
  n: number;
  bias: number;
  rmse: number;
  covered: number;
  overlapping: number;
  wording: string;
}

interface Forecasts {
  groups: { source: string; metric: string; family: string; unscored: number; quality: Quality | null }[];
  items: {
    rolloutId: string;
    source: string;
    outcome: string;
    found: { effect: number; lower: number; upper: number } | null;
  }[];
}

/** A passed simulator gate with its forecast of `value`. */
const simulated = (relativeEffect: number, lower: number, upper: number): GateResult => ({
  ...{ gate: 'simulator', passed: true, value: lower, bound: -0.05, n: 1000, reason: 'simulated' },
  forecast: { source: 'simulator', metric: 'value', relativeEffect, lower, upper, confidence: 0.95 },
});

/** An off-policy gate that could not tell: it passed, and its interval is a forecast all the same. */
const byLog = (relativeEffect: number, lower: number, upper: number): GateResult => ({
  ...{ gate: 'ope', passed: true, value: upper, bound: -0.05, n: 5000, reason: 'by 5000 logged bids' },
  verdict: 'inconclusive',
  forecast: { source: 'ope', metric: 'value', relativeEffect, lower, upper, confidence: 0.95 },
});

const T0 = Date.parse('2026-11-01T10:00:00Z');

/** Given rollouts that ended; when somebody asks what the evidence says; then every stored look answers, and none is dropped. */
describe('evidence of past rollouts', () => {
  let plane: ControlPlaneHarness;
  let adloop: CliRunner;
  let good: StoredPast;
  let bad: StoredPast;
  let equal: StoredPast;

  beforeAll(async () => {
    plane = await ControlPlaneHarness.start({ SHIPPED_DIR });
    await plane.app.get(ShippedSeed).seed();
    adloop = await CliRunner.over(plane);
    const gates = [simulated(0.3, 0.2, 0.4)];
    good = await storePastRollout(plane, {
      rolloutId: 'rol_good',
      effect: 0.25,
      seed: 3,
      startMs: T0,
      gates: [byLog(0.1, -0.2, 0.4), ...gates],
    });
    bad = await storePastRollout(plane, {
      rolloutId: 'rol_bad',
      effect: -0.3,
      seed: 4,
      startMs: T0 + 3_600_000,
      gates,
    });
    equal = await storePastRollout(plane, {
      ...{ rolloutId: 'rol_equal', effect: 0, seed: 5, startMs: T0 + 7_200_000 },
      clicksPerLook: 5,
    });
    expect([good.step, bad.step, equal.step]).toEqual(['promote', 'roll-back', 'promote']);
  }, 120_000);
  afterAll(() => plane.stop());

  const file = (name: string, content: unknown): string => {
    const at = path.join(plane.config.adloopHome, name);
    writeFileSync(at, JSON.stringify(content));
    return at;
  };
  const looks = () => [good, bad, equal].reduce((sum, past) => sum + past.looks.length, 0);

  describe('rejudge', () => {
    test('under the own plans nothing flips, and every look is judged', async () => {
      const found = await adloop.json<Rejudgement>('rejudge', '--json');
      expect(found).toMatchObject({ rollouts: 3, looks: looks(), judged: looks(), unjudged: 0, altered: 0, flips: 0 });
      const byPlan = await adloop.json<Rejudgement>('rejudge', '--plan', file('own.json', pastPlan()), '--json');
      expect(byPlan).toMatchObject({ judged: looks(), flips: 0 });
    });

    test('other minima, margins and the naive rule flip what they should, and a table says which and why', async () => {
      const strict = file('strict.json', { stage: { minPrimaryEvents: 1_000_000 } });
      const found = await adloop.json<Rejudgement>('rejudge', '--plan', strict, '--json');
      const flips = found.items.flatMap(({ rolloutId, flips: own }) => own.map((flip) => ({ rolloutId, ...flip })));
      expect(
        flips
          .filter(({ rolloutId }) => rolloutId === 'rol_good')
          .map(({ rolloutId, stage, from, to }) => [rolloutId, stage, from.step, to.step]),
      ).toEqual([
        ['rol_good', 1, 'advance', 'hold'],
        ['rol_good', 2, 'promote', 'hold'],
      ]);
      const lenient = file('lenient.json', { metrics: [{ metric: 'value', role: 'primary', margin: 0.6 }] });
      const table = await adloop.run('rejudge', '--plan', lenient, '--since', '2026-11-01T10:30:00Z');
      expect(table.code).toBe(0);
      expect(table.out).toMatch(/decisions? flip/);
      expect(table.out).toMatch(/rol_bad .* roll-back \(inferior\)/);
      expect(table.out).not.toContain('rol_good');
      const naive = await adloop.json<Rejudgement>('rejudge', '--naive', '--json');
      expect(naive.judged).toBe(looks());
      // It promotes on an estimate as soon as the sample minima are met, where the sequence still waits for a proof.
      const [first] = naive.items.find(({ rolloutId }) => rolloutId === 'rol_equal')!.flips;
      expect(first).toMatchObject({ first: true, from: { step: 'hold', verdict: 'continue' } });
      expect(['advance', 'roll-back']).toContain(first!.to.step);
    });

    test('a wrong plan is refused with every fault; a viewer may not ask', async () => {
      const faulty = file('faulty.json', { ...pastPlan(), alpha: 2, metrics: [{ metric: 'foo', role: 'primary' }] });
      const refused = await adloop.run('rejudge', '--plan', faulty);
      expect(refused.code).toBe(2);
      for (const pointer of ['/policy/plan/alpha', '/policy/plan/metrics/0/metric'])
        expect(refused.err).toContain(pointer);
      const two = ['value', 'ctr'].map((metric) => ({ metric, role: 'primary' }));
      expect((await adloop.run('rejudge', '--plan', file('two.json', { metrics: two }))).err).toContain(
        '/policy/metrics',
      );
      expect((await adloop.run('--as', 'vera', 'rejudge')).code).toBe(4);
      expect((await adloop.run('rejudge', '--since', 'yesterday')).code).toBe(2);
    });

    test('looks of an older version are listed with their reason, and altered ones are counted', async () => {
      await plane.database.query(
        `INSERT INTO rollout (rollout_id, fleet, cell, agent, candidate_id, plan, requested_by, state, ended_at)
         VALUES ('rol_old', 'demo', 'default', 'bid', 'x', '{}', 'mila', 'aborted', '2026-10-01')`,
      );
      await plane.database.query(
        `INSERT INTO look (rollout_id, stage, look, at, verdict, digest, evidence)
         VALUES ('rol_old', 1, 1, '2026-10-01', 'continue', 'd', '{"verdict": "continue", "reason": "r"}')`,
      );
      const { out } = await adloop.run('rejudge');
      expect(out).toContain('1 looks cannot be judged');
      expect(out).toContain('WARNING: 1 looks do not hash');
      expect(out).toMatch(/rol_old +1 +1 +the look has no inputs/);
    });
  });

  describe('forecasts', () => {
    test('are scored once per rollout by what its canary found, whoever asks how often', async () => {
      const ask = () => plane.call<Forecasts>('GET', '/api/v1/forecasts', { as: 'vera' });
      await Promise.all([ask(), ask(), ask()]);
      const first = (await ask()).body;
      expect(await adloop.json<Forecasts>('forecasts', '--json')).toEqual(first);
      const found = new Map(first.items.map((item) => [item.rolloutId, item]));
      expect([...found.keys()].sort()).toEqual(['rol_bad', 'rol_good']);
      for (const [rolloutId, past] of [
        ['rol_good', good],
        ['rol_bad', bad],
      ] as const) {
        const { effect, lower, upper } = found.get(rolloutId)!.found!;
        const { relativeEffect, control, margin, lower: low, upper: high } = past.looks.at(-1)!.primary;
        expect(effect).toBeCloseTo(relativeEffect, 12);
        expect([lower, upper]).toEqual([
          expect.closeTo(low / control - margin, 12),
          expect.closeTo(high / control - margin, 12),
        ]);
        expect(lower).toBeLessThan(effect);
        expect(upper).toBeGreaterThan(effect);
      }
    });

    test('bias, error and coverage follow from the scores, and few forecasts are said to be few', async () => {
      const { groups, items } = await adloop.json<Forecasts>('forecasts', '-o', 'json');
      const simulated = items.filter(({ source }) => source === 'simulator');
      const errors = simulated.map(({ found }) => 0.3 - found!.effect);
      const group = groups.find(({ source }) => source === 'simulator');
      expect(group).toMatchObject({ family: 'multi-agent', source: 'simulator', metric: 'value', unscored: 0 });
      expect(group!.quality).toMatchObject({ n: 2, covered: 1 });
      expect(group!.quality!.bias).toBeCloseTo((errors[0]! + errors[1]!) / 2, 12);
      expect(group!.quality!.rmse).toBeCloseTo(Math.sqrt((errors[0]! ** 2 + errors[1]! ** 2) / 2), 12);
      const { out } = await adloop.run('forecasts');
      // The off-policy gate is held against the same canary, in a group of its own.
      const ope = groups.find(({ source }) => source === 'ope');
      const found = items.find(({ source }) => source === 'ope')!;
      expect(found).toMatchObject({ rolloutId: 'rol_good', outcome: 'scored' });
      expect(ope).toMatchObject({ metric: 'value', unscored: 0, quality: { n: 1, covered: 1 } });
      expect(ope!.quality!.bias).toBeCloseTo(0.1 - found.found!.effect, 12);
      expect(out).toContain('only 2 forecasts');
      expect(out).toMatch(/rol_good +ope +value +\+10\.0 % \[-20\.0 %, \+40\.0 %\]/);
      expect(out).toMatch(/rol_bad +simulator +value +\+30\.0 % \[\+20\.0 %, \+40\.0 %\] +-\d+\.\d %/);
    });

    test('a rollout that never served a canary is counted as unscored, not left out', async () => {
      const past = { rolloutId: 'rol_refused', cell: 'default', agent: 'bid' as const, candidateId: good.candidateId };
      await plane.app.get(RolloutRepository).open({ ...past, fleet: 'demo', plan: pastPlan(), requestedBy: 'mila' });
      await plane.database.query(
        `UPDATE rollout SET state = 'rejected', ended_at = now() WHERE rollout_id = 'rol_refused'`,
      );
      const { groups, items } = await adloop.json<Forecasts>('forecasts', '--json');
      const group = (source: string) => groups.find((each) => each.source === source);
      expect(group('simulator')).toMatchObject({ unscored: 1, quality: { n: 2 } });
      expect(group('ope')).toMatchObject({ unscored: 1, quality: { n: 1 } });
      expect(items.find(({ rolloutId }) => rolloutId === 'rol_refused')).toMatchObject({
        outcome: 'no-canary',
        found: null,
      });
      await expect(plane.database.query('DELETE FROM forecast_score')).rejects.toThrow(/append-only|permission denied/);
    });
  });
});
