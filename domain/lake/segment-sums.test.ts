import fc from 'fast-check';
import type { DecisionRecord } from '../contracts/decision-record';
import { KPI_SUMS, zeroKpiSums, type KpiSum, type KpiSums } from '../contracts/kpi-rollup';
import type { Outcome } from '../contracts/outcome';
import { latencyBin } from '../evaluation/latency-histogram';
import { sampleEvents } from './sample-events';
import { SegmentSums, type SumsOptions } from './segment-sums';
import type { KpiDelta } from './kpi-tables';

const OPTIONS: SumsOptions = {
  cell: 'default',
  bucketMs: 5_000,
  expectsModel: (_record, agent) => agent === 'bid',
  segmentsOf: () => [
    { by: 'deviceType', value: '2' },
    { by: 'campaign', value: 'camp-a' },
  ],
};

/** Small linear congruential draws: tests need repeatable numbers, not good ones. */
function draws(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

function sample(seed: number, count = 300) {
  const traffic = { startMs: 1_763_942_400_000, requestsPerSecond: 40, rng: draws(seed), rolloutId: 'r1' };
  const all = [...sampleEvents(traffic, count)];
  return { decisions: all.map(({ decision }) => decision), outcomes: all.flatMap(({ outcomes }) => outcomes) };
}

type Event = DecisionRecord | Outcome;

function sumsOf(events: readonly Event[]): KpiDelta {
  const sums = new SegmentSums(OPTIONS);
  for (const event of events) event.type === 'decision' ? sums.addDecision(event) : sums.addOutcome(event);
  return sums.delta();
}

function totals(delta: KpiDelta): KpiSums {
  const sums = zeroKpiSums();
  for (const row of delta.kpi) for (const name of KPI_SUMS) sums[name] += row[name];
  return sums;
}

describe('SegmentSums', () => {
  it('adds up what a plain count over the events says', () => {
    const { decisions, outcomes } = sample(1);
    const live = decisions.filter(({ inputs }) => !inputs.request.isTest);
    const paid = outcomes.filter(({ isTest }) => !isTest);
    const count = (kind: string) => paid.filter((outcome) => outcome.kind === kind).length;
    expect(totals(sumsOf([...decisions, ...outcomes]))).toEqual({
      requests: live.filter(({ inputs }) => inputs.impIndex === 0).length,
      eligible: live.filter(({ inputs }) => inputs.impIndex === 0 && inputs.request.veto === null).length,
      bids: live.filter(({ outputs }) => outputs.noBidReason === null).length,
      wins: count('win'),
      impressions: count('bill'),
      clicks: count('click'),
      conversions: count('conversion'),
      valueNanos: count('click') * 100_000_000 + count('conversion') * 500_000_000,
      spendNanos: paid.filter(({ kind }) => kind === 'bill').reduce((sum, { priceNanos }) => sum + priceNanos, 0),
      fallbacks: live.filter(({ outputs }) => outputs.agents?.bid.mode === 'baseline').length,
      errors: live.filter(({ outputs }) => outputs.noBidReason === 'internal-error').length,
      late: live.filter(({ outputs }) => outputs.noBidReason === 'too-late').length,
      repeats: paid.filter(({ kind, isRepeat }) => kind === 'bill' && isRepeat).length,
    });
  });

  it('counts an outcome in the time bucket, arm and user bucket of its decision, however late it comes', () => {
    const { outcomes } = sample(2);
    const click = outcomes.find(({ kind, isTest }) => kind === 'click' && !isTest)!;
    const late = { ...click, atMs: click.decidedAtMs + 86_400_000 };
    const [row, ...others] = sumsOf([late]).kpi;
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      bucketMs: Math.floor(click.decidedAtMs / 5_000) * 5_000,
      arm: click.arm,
      userBucket: click.userBucket,
      clicks: 1,
      valueNanos: click.valueNanos,
      requests: 0,
    });
  });

  it('keeps the sums of registered segments only, each a part of the whole that the segment names', () => {
    const { decisions, outcomes } = sample(6);
    const { segments, kpi, campaigns } = sumsOf([...decisions, ...outcomes]);
    const total = (rows: readonly KpiSums[], name: KpiSum) => rows.reduce((sum, row) => sum + row[name], 0);
    const devices = segments.filter(({ segmentBy }) => segmentBy === 'deviceType');
    // Every sample request comes from device type 2.
    for (const name of KPI_SUMS) expect(total(devices, name)).toBe(total(kpi, name));
    const ofCampaign = segments.filter(({ segmentBy }) => segmentBy === 'campaign');
    const plain = campaigns.filter(({ campaignId }) => campaignId === 'camp-a');
    for (const name of ['bids', 'impressions', 'clicks', 'spendNanos'] as const)
      expect(total(ofCampaign, name)).toBe(plain.reduce((sum, row) => sum + row[name], 0));
    expect(total(ofCampaign, 'requests')).toBe(total(ofCampaign, 'bids'));
    expect(new Set(segments.map(({ segmentValue }) => segmentValue))).toEqual(new Set(['2', 'camp-a']));
  });

  it('counts each decision of a rollout once in the latency bin of its own inference and decision', () => {
    const { decisions } = sample(7);
    const { latencies } = sumsOf(decisions);
    const live = decisions.filter(({ inputs }) => !inputs.request.isTest && inputs.impIndex === 0);
    expect(latencies.reduce((sum, { decisions: n }) => sum + n, 0)).toBe(live.length);
    const { latencyUs } = live[0]!;
    expect(latencies.map(({ bin }) => bin)).toContain(latencyBin(latencyUs.infer + latencyUs.decide));
    const outside = live.map((record) => ({ ...record, inputs: { ...record.inputs, rolloutId: '' } }));
    expect(sumsOf(outside).latencies).toEqual([]);
  });

  it('leaves test traffic out of every sum', () => {
    const { decisions, outcomes } = sample(3);
    const tests = [
      ...decisions.filter(({ inputs }) => inputs.request.isTest),
      ...outcomes.filter(({ isTest }) => isTest),
    ];
    expect(tests.length).toBeGreaterThan(0);
    expect(Object.values(sumsOf(tests)).flat()).toEqual([]);
  });

  it('keeps a user in the arm of the first eligible request of the stage', () => {
    const { decisions } = sample(4);
    const [first] = decisions.filter(({ inputs }) => inputs.request.userKey !== null && inputs.request.veto === null);
    const at = (nowMs: number, arm: 'champion' | 'canary') => ({
      ...first!,
      inputs: { ...first!.inputs, nowMs, arm, impIndex: 0, request: { ...first!.inputs.request, isTest: false } },
    });
    const users = sumsOf([at(2_000, 'champion'), at(1_000, 'canary'), at(3_000, 'champion')]).stageUsers;
    expect(users).toEqual([expect.objectContaining({ arm: 'canary', firstMs: 1_000 })]);
  });

  it('gives the same sums for any order and any split into segments', () => {
    const { decisions, outcomes } = sample(5, 120);
    const events: Event[] = [...decisions, ...outcomes];
    const expected = sumsOf(events);
    const shuffledSplit = fc.tuple(
      fc.shuffledSubarray(events, { minLength: events.length, maxLength: events.length }),
      fc.array(fc.nat(events.length), { maxLength: 6 }),
    );
    fc.assert(
      fc.property(shuffledSplit, ([shuffled, cuts]) => {
        const borders = [0, ...cuts.sort((a, b) => a - b), shuffled.length];
        const parts = borders.slice(1).map((end, at) => sumsOf(shuffled.slice(borders[at], end)));
        expect(merged(parts)).toEqual(merged([expected]));
      }),
      { numRuns: 50 },
    );
  });
});

/** What Postgres does with the deltas: adds sums by key; the earliest exposure of a user stays. */
function merged(deltas: KpiDelta[]): Record<string, unknown> {
  const rows: Record<string, Record<string, number | string>> = {};
  for (const [table, list] of deltas.flatMap((delta) => Object.entries(delta))) {
    for (const row of list as unknown as Record<string, number | string>[]) {
      const names = Object.keys(row).filter((name) => isKey(table, name, row[name]!));
      const key = `${table}|${names.map((name) => row[name]).join('|')}`;
      const known = rows[key];
      if (!known) rows[key] = { ...row };
      else if (table === 'stageUsers') {
        if (Number(row.firstMs) < Number(known.firstMs)) Object.assign(known, row);
      } else {
        for (const [name, value] of Object.entries(row)) {
          if (!names.includes(name)) known[name] = Number(known[name]) + Number(value);
        }
      }
    }
  }
  return rows;
}

const KEYS = [
  'cell',
  'rolloutId',
  'stage',
  'bucketMs',
  'tickMs',
  'minuteMs',
  'userBucket',
  'agent',
  'campaignId',
  'creativeId',
  'userKey',
  'bin',
  'segmentBy',
  'segmentValue',
];
const isKey = (table: string, name: string, _value: unknown) =>
  KEYS.includes(name) || (name === 'arm' && table !== 'stageUsers');
