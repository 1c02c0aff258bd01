import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { demoSnapshot, exchangeOf } from '../../test/fixtures/demo-snapshot';
import { FEATURE_COUNT, FEATURE_NAMES } from '../features';
import type { WinRow } from '../learning/win-row';
import { compareArms } from './compare-arms';
import { parseScenario } from './scenario';
import { simulateArm, zeroSums, type MarketArm } from './simulate-market';
import { judgeSimulation } from './simulator-gate';

const story = parseScenario(JSON.parse(readFileSync(join(__dirname, '..', '..', 'scenarios', 'story.json'), 'utf8')));
const scenario = { ...story, users: { ...story.users, count: 1000 } };
const snapshot = demoSnapshot({
  exchanges: { demo: exchangeOf(), demo2: exchangeOf({ exchange: 'demo2', auctionType: 2, disclosesMinToWin: false }) },
});
const RATE = FEATURE_NAMES.indexOf('lnRequestRate');

/** A win model that believes in one price for all, with a fault above a request rate when asked. */
const arm = (mu: number, faultAboveRate = Infinity): MarketArm => ({
  snapshot,
  infer: (rows, rowCount) => {
    const laws = new Float32Array(rowCount * 2);
    for (let n = 0; n < rowCount; n += 1) {
      const isBusy = rows[n * FEATURE_COUNT + RATE] > Math.log(1 + faultAboveRate / 100);
      laws[2 * n] = isBusy ? mu - 0.8 : mu;
      laws[2 * n + 1] = 0.5;
    }
    return Promise.resolve(laws);
  },
});
const RIGHT = Math.log(scenario.rivals.medianUsd);
const OPTIONS = { auctions: 600 };

test('the same seed gives the same run, and rows of training as a log would show them', async () => {
  const rows: WinRow[] = [];
  const run = await simulateArm(scenario, arm(RIGHT), 3, { ...OPTIONS, onRow: (row) => rows.push(row) });
  expect(await simulateArm(scenario, arm(RIGHT), 3, OPTIONS)).toEqual(run);
  const { sums } = run;
  expect(sums.requests).toBe(600);
  expect(sums.bids).toBe(rows.length);
  expect(sums.wins).toBe(rows.filter((row) => row.won).length);
  expect(sums.fallbacks).toBe(0);
  expect(rows.some((row) => row.minToWinMicros === null) && rows.some((row) => row.minToWinMicros !== null)).toBe(true);
  for (const row of rows) {
    expect(row.features).toHaveLength(FEATURE_COUNT);
    if (row.minToWinMicros !== null) expect(row.won).toBe(row.bidMicros >= row.minToWinMicros);
  }
});

test('every format that a market sells is bid on, won, seen and clicked', async () => {
  const { formats } = parseScenario(
    JSON.parse(readFileSync(join(__dirname, '..', '..', 'scenarios', 'formats.json'), 'utf8')),
  );
  for (const one of formats ?? []) {
    const { sums } = await simulateArm({ ...scenario, formats: [one] }, arm(RIGHT), 3, { auctions: 800 });
    expect([one.format, sums.bids > 50, sums.wins > 10, sums.clicks > 0]).toEqual([one.format, true, true, true]);
  }
  expect(formats?.map(({ format }) => format)).toEqual(['banner', 'video', 'audio', 'native']);
});

test('A/A has exactly no effect and passes the gate', async () => {
  const report = await compareArms(scenario, { champion: arm(RIGHT), candidate: arm(RIGHT) }, [1], OPTIONS);
  expect([report.effect, report.low, report.high]).toEqual([0, 0, 0]);
  expect(judgeSimulation(report, 0.05).passed).toBe(true);
});

test('a model that believes in a cheaper market loses value and fails the gate', async () => {
  const report = await compareArms(scenario, { champion: arm(RIGHT), candidate: arm(RIGHT - 0.8) }, [1], OPTIONS);
  expect(report.high).toBeLessThan(-0.15);
  const gate = judgeSimulation(report, 0.05);
  expect(gate).toMatchObject({ gate: 'simulator', passed: false, bound: -0.05 });
  expect(gate.reason).toContain('%');
  const { effect, low, high } = report;
  expect(gate.forecast).toEqual({
    ...{ source: 'simulator', metric: 'value', confidence: 0.95 },
    ...{ relativeEffect: effect, lower: low, upper: high },
  });
});

test('a fault that depends on load passes the gate at the logged rate and shows in the surge', async () => {
  const arms = { champion: arm(RIGHT), candidate: arm(RIGHT, 2 * scenario.requestsPerSecond) };
  const logged = await compareArms(scenario, arms, [1], OPTIONS);
  expect(judgeSimulation(logged, 0.05).passed).toBe(true);
  const surge = await compareArms(scenario, arms, [1], { ...OPTIONS, regime: 'surge' });
  expect(surge.high).toBeLessThan(-0.15);
});

test('a run without bids is never a pass', async () => {
  const empty = { ...snapshot, campaigns: [], creatives: [] };
  const nobody = { snapshot: empty, infer: null };
  const report = await compareArms(scenario, { champion: nobody, candidate: nobody }, [1], { auctions: 300 });
  expect(report.candidate).toEqual({ ...zeroSums(), requests: 300, eligible: report.candidate.eligible });
  const gate = judgeSimulation(report, 0.05);
  expect(gate).toMatchObject({ passed: false });
  expect(gate).not.toHaveProperty('forecast');
});

test('progress can cancel a run', async () => {
  const cancelled = new Error('cancelled');
  const onProgress = () => Promise.reject(cancelled);
  await expect(simulateArm(scenario, arm(RIGHT), 1, { auctions: 600, onProgress })).rejects.toBe(cancelled);
});
