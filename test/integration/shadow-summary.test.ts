import { rename } from 'node:fs/promises';
import type { EdgeEvent } from '#domain/contracts/segment';
import type { ShadowRecord } from '#domain/contracts';
import { winProbability } from '#domain/agents/bid';
import { sampleEvents } from '#domain/lake/sample-events';
import type { ModelRepository } from '../../apps/control-plane/src/registry/model.repository';
import type { RolloutRepository } from '../../apps/control-plane/src/rollouts/rollout.repository';
import { ShadowSummaryService } from '../../apps/control-plane/src/rollouts/shadow-summary.service';
import { LoopSteps } from '../../apps/control-plane/src/status/loop-steps';
import { draws, inParts, openLake, segmentOf, type OpenLake } from './open-lake';

const START_MS = Date.now() - 300_000;
const REQUESTS = 1500;
const MATURITY_SECONDS = 60;
/** The last request is decided here. */
const END_MS = START_MS + (REQUESTS * 1000) / 20;

/** The rollouts and models that the summary asks for. */
function serviceOf(lake: OpenLake, agent: 'bid' | 'budget' = 'bid'): ShadowSummaryService {
  const rollouts = {
    find: () => Promise.resolve({ candidateId: 'c', plan: { labelMaturitySeconds: MATURITY_SECONDS } }),
  };
  const policy = { agent, artifact: {}, params: { muBounds: [-6, 6], sigmaBounds: [0.05, 4] } };
  const models = { find: () => Promise.resolve({ manifest: { policy } }) };
  return new ShadowSummaryService(
    lake.database,
    lake.duck,
    lake.sealer,
    rollouts as unknown as RolloutRepository,
    models as unknown as ModelRepository,
  );
}

/** Three rollouts' shadows over the same decisions. The market's price to beat is uniform on 0.5 to 4.5 (sample-events). */
function traffic() {
  const all = [...sampleEvents({ startMs: START_MS, requestsPerSecond: 20, rng: draws(5) }, REQUESTS)];
  const bids = all.filter(({ decision }) => decision.outputs.noBidReason === null && !decision.inputs.request.isTest);
  const shadowOf = (
    rolloutId: string,
    change: (at: number, bidMicros: number) => Partial<ShadowRecord>,
  ): ShadowRecord[] =>
    bids.map(({ decision: { decisionId, outputs, inputs } }, at) => ({
      type: 'shadow',
      schemaVersion: 1,
      decisionId,
      rolloutId,
      atMs: inputs.nowMs + 3,
      bidMicros: outputs.bidMicros * 1.1,
      championBidMicros: outputs.bidMicros,
      expectedSurplusMicros: 100 + (at % 7),
      championExpectedSurplusMicros: 90,
      mu: Math.log(2.2),
      sigma: 0.6,
      error: null,
      latencyUs: 500,
      championLatencyUs: 400,
      ...change(at, outputs.bidMicros),
    }));
  return { all, bids, shadowOf };
}

describe('what a shadow is judged by', () => {
  let lake: OpenLake;
  const { all, bids, shadowOf } = traffic();
  const window = (rolloutId: string, untilMs = END_MS + 120_000) => ({ rolloutId, sinceMs: START_MS - 1000, untilMs });

  beforeAll(async () => {
    lake = await openLake();
    const events: EdgeEvent[] = [
      ...all.flatMap(({ decision, outcomes }): EdgeEvent[] => [decision, ...outcomes]),
      ...shadowOf('rol_good', () => ({})),
      // A busy machine: both are slow at times.
      ...shadowOf('rol_busy', (at) => (at % 25 === 0 ? { latencyUs: 31_000, championLatencyUs: 30_000 } : {})),
      ...shadowOf('rol_bad', (at) => ({
        mu: Math.log(0.1),
        error: at % 20 === 0 ? 'not-finite' : null,
        latencyUs: 30_000,
      })),
    ];
    for (const [at, part] of inParts(events, 250).entries()) {
      const { bytes, sha256 } = segmentOf(part);
      await lake.ingest.ingest('edge-1', `s-${at}`, sha256, bytes);
      await lake.sealer.sealNow();
    }
  });
  afterAll(() => lake.close());

  test('differences are paired per request, their errors over users', async () => {
    const { n, errors, pairs, meanSurplusDifferenceMicros } = await serviceOf(lake).summarise(window('rol_good'));
    expect([n, errors, pairs!.n]).toEqual([bids.length, 0, bids.length]);
    const users = new Set(bids.map(({ decision: { inputs } }) => inputs.request.userKey ?? inputs.request.requestId));
    expect(pairs!.users).toBe(users.size);
    expect(pairs!.bidRatio!.mean).toBeCloseTo(0.1, 4);
    const mean = bids.reduce((sum, _, at) => sum + 10 + (at % 7), 0) / bids.length;
    const { mean: surplus, standardError, lower, upper } = pairs!.surplusMicros!;
    expect(surplus).toBeCloseTo(mean, 9);
    expect(meanSurplusDifferenceMicros).toBeCloseTo(mean, 9);
    // Uniform on 0..6: standard deviation 2, about as many users as requests.
    expect(standardError).toBeGreaterThan(1.5 / Math.sqrt(bids.length));
    expect(standardError).toBeLessThan(2.6 / Math.sqrt(bids.length));
    expect(upper - lower).toBeCloseTo(2 * 1.962 * standardError, 2);
  });

  test('latency is beside the champion’s on the same requests', async () => {
    const { latencyUsP99, pairs } = await serviceOf(lake).summarise(window('rol_busy'));
    expect(latencyUsP99).toBe(31_000);
    expect(pairs!.latency).toEqual({ n: bids.length, championUsP99: 30_000, budgetUs: 45_000, overBudget: 0 });
    const slow = await serviceOf(lake).summarise(window('rol_bad'));
    expect(slow.pairs!.latency).toMatchObject({ budgetUs: 10_000, overBudget: bids.length });
  });

  test('the loop page says when a shadow last decided', async () => {
    const steps = await new LoopSteps(lake.database, lake.config).steps();
    const shadow = steps.find(({ step }) => step === 'shadow')!;
    expect(shadow.detail).toMatch(/^\d+ shadow decisions from edge-/);
    expect(shadow.ageSeconds).toBeLessThan(600);
  });

  test('calibration is predicted against observed wins on mature bids; three shadows keep apart', async () => {
    const { calibration } = (await serviceOf(lake).summarise(window('rol_good'))).pairs!;
    const predicted = bids.reduce(
      (sum, { decision }) => sum + winProbability(decision.outputs.bidMicros, Math.log(2.2), 0.6) / bids.length,
      0,
    );
    const won = bids.filter(({ outcomes }) => outcomes.some(({ kind }) => kind === 'win')).length / bids.length;
    expect(calibration).toMatchObject({ verdict: 'within', n: bids.length });
    expect(calibration!.predictedWinShare).toBeCloseTo(predicted, 9);
    expect(calibration!.observedWinShare).toBeCloseTo(won, 9);
    const bad = await serviceOf(lake).summarise(window('rol_bad'));
    expect(bad.pairs!.calibration).toMatchObject({ verdict: 'beyond' });
    expect(bad.errors).toBe(Math.ceil(bids.length / 20));
    expect(bad.pairs!.n).toBe(bids.length - bad.errors);
  });

  test('outcomes that are not mature say nothing, and another agent’s candidate predicts no win', async () => {
    const early = await serviceOf(lake).summarise(window('rol_good', START_MS + 61_000));
    expect(early.pairs!.calibration).toMatchObject({ verdict: 'no-data', candidate: null });
    expect(early.pairs!.calibration!.n).toBeLessThan(40);
    expect((await serviceOf(lake, 'budget').summarise(window('rol_good'))).pairs!.calibration).toBeNull();
  });

  test('files of before the champion’s latency was told are read beside newer ones, before and after compaction', async () => {
    await lake.duck.with(async (connection) => {
      const files = await lake.database.query<{ path: string }[]>(
        "SELECT path FROM lake_file WHERE dataset = 'shadows' ORDER BY path",
      );
      for (const { path } of files.filter((_, at) => at % 2 === 0)) {
        const file = `${lake.duck.root}/${path}`;
        await connection.run(
          `COPY (SELECT * EXCLUDE (champion_latency_us) FROM read_parquet('${file}')) TO '${file}.old' (FORMAT parquet)`,
        );
        await rename(`${file}.old`, file);
      }
    });
    const before = await serviceOf(lake).summarise(window('rol_good'));
    expect(before.n).toBe(bids.length);
    expect(before.pairs!.latency.n).toBeLessThan(bids.length);
    let merged = 0;
    for (let files = -1; files !== 0; merged += files) files = await lake.compactor.compactOne(END_MS + 4 * 3_600_000);
    expect(merged).toBeGreaterThan(8);
    const after = await serviceOf(lake).summarise(window('rol_good'));
    expect([after.n, after.pairs!.latency, after.pairs!.users]).toEqual([
      before.n,
      before.pairs!.latency,
      before.pairs!.users,
    ]);
    expect(after.pairs!.surplusMicros!.mean).toBeCloseTo(before.pairs!.surplusMicros!.mean, 9);
  });

  test('nothing recorded is nothing known', async () => {
    expect(await serviceOf(lake).summarise(window('rol_other', START_MS - 500))).toMatchObject({ n: 0, errors: 0 });
  });
});
