import { zeroKpiSums, type KpiSums } from '../contracts/kpi-rollup';
import { seededNormal, seededRandom } from '../evaluation/seeded-random';
import { freezeDriftBins } from '../evaluation/population-stability';
import { featureDrift, modelDrift, type ModelDrift } from './feature-drift';
import type { FleetHealth } from './fleet-health';
import { newMonitor, stepMonitor } from './kpi-monitor';
import { judgeRetraining } from './retrain-policy';

const sums = (changes: Partial<KpiSums> = {}): KpiSums => ({
  ...zeroKpiSums(),
  requests: 10_000,
  eligible: 8000,
  bids: 6000,
  wins: 2000,
  impressions: 1900,
  clicks: 150,
  valueNanos: 150e8,
  spendNanos: 90e8,
  ...changes,
});
const health = (changes: Partial<FleetHealth> = {}): FleetHealth => ({
  windowSeconds: 600,
  agents: [],
  current: sums(),
  previous: sums(),
  ...changes,
});
const drop = health({ current: sums({ wins: 1500 }) });
const drifted: ModelDrift = {
  modelVersionId: 'bid-1',
  n: 900,
  worst: [],
  drifted: ['lnFloor'],
  reason: 'inputs of bid-1 drifted',
};
const steady: ModelDrift = { ...drifted, drifted: [], reason: 'no large drift' };

interface Tick {
  health?: FleetHealth;
  drift?: ModelDrift | null;
  failed?: number;
}

/** Kinds of the actions at each tick; memory goes through JSON as a workflow carries it. */
function walk(ticks: Tick[], tickMs = 600_000): string[] {
  let memory: unknown = null;
  return ticks.map((tick, index) => {
    const judged = judgeRetraining({
      health: tick.health ?? health(),
      drift: tick.drift === undefined ? steady : tick.drift,
      failedCandidates: tick.failed ?? 0,
      memory,
      nowMs: index * tickMs,
    });
    memory = JSON.parse(JSON.stringify(judged.memory));
    return judged.action?.kind ?? '';
  });
}
const repeat = (tick: Tick, times: number): Tick[] => Array.from({ length: times }, () => tick);
const at = (kinds: string[]) => kinds.flatMap((kind, index) => (kind === '' ? [] : [`${index}:${kind}`]));

describe('when to retrain', () => {
  it('drift alone proposes, a drop of performance or both trigger, each in 2 of 3 windows', () => {
    expect(at(walk([...repeat({ drift: drifted }, 1), ...repeat({}, 4)]))).toEqual([]);
    expect(at(walk(repeat({ drift: drifted }, 5)))).toEqual(['1:propose']);
    expect(at(walk([{ drift: drifted }, {}, { drift: drifted }]))).toEqual(['2:propose']);
    expect(at(walk(repeat({ health: drop }, 5)))).toEqual(['1:trigger']);
    expect(at(walk(repeat({ health: drop, drift: drifted }, 5)))).toEqual(['1:trigger']);
  });

  it('does not count a tick that measured no drift as a vote', () => {
    expect(at(walk([{ drift: drifted }, ...repeat({ drift: null }, 5), { drift: drifted }]))).toEqual(['6:propose']);
  });

  it('rests for 24 h, hears a drop after a proposal, and asks at most twice a day', () => {
    const day = repeat({ health: drop }, 6 * 49);
    expect(at(walk(day))).toEqual(['1:trigger', '145:trigger', '289:trigger']);
    const both = walk([...repeat({ drift: drifted }, 3), ...repeat({ health: drop, drift: drifted }, 100)]);
    expect(at(both)).toEqual(['1:propose', '4:trigger']);
    const reverse = walk([...repeat({ health: drop }, 3), ...repeat({ drift: drifted }, 100)]);
    expect(at(reverse)).toEqual(['1:trigger']);
  });

  it('stops and pages after three failed candidates, once a day', () => {
    expect(at(walk(repeat({ health: drop, failed: 3 }, 150)))).toEqual(['1:page', '145:page']);
    expect(at(walk(repeat({ health: drop, failed: 2 }, 10)))).toEqual(['1:trigger']);
  });

  it('hears a slow fall that no two windows show, by its detectors, over days of ticks', () => {
    const normal = seededNormal(seededRandom(7));
    const windows = (fallPerWindow: number, count: number): Tick[] =>
      Array.from({ length: count }, (_, index) => {
        const fall = index < 40 ? 0 : Math.min(0.12, (index - 40) * fallPerWindow);
        const wins = Math.round(2000 * (1 - fall) + 30 * normal());
        return { health: health({ current: sums({ wins }), previous: sums({ wins }) }) };
      });
    expect(at(walk(windows(0.01, 80)))).toHaveLength(1);
    expect(at(walk(windows(0.01, 80)))[0]).toContain(':trigger');
    expect(at(walk(windows(0, 200)))).toEqual([]);
  });
});

describe('drift of a model’s inputs', () => {
  const normal = seededNormal(seededRandom(11));
  const sample = (n: number, shift = 0) => Array.from({ length: n }, () => normal() + shift);
  const bins = { name: 'lnFloor', ...freezeDriftBins(sample(5000)) };

  it('tells effect from significance', () => {
    const same = featureDrift(bins, sample(2000));
    expect(same).toMatchObject({ effect: 'none', isSignificant: false, n: 2000 });
    const slight = featureDrift(bins, sample(50_000, 0.15));
    expect(slight).toMatchObject({ effect: 'none', isSignificant: true });
    const far = featureDrift(bins, sample(2000, 1));
    expect(far).toMatchObject({ effect: 'large', isSignificant: true });
    expect(modelDrift('bid-1', [same, far], 2000)).toMatchObject({ drifted: ['lnFloor'] });
    expect(modelDrift('bid-1', [same, slight], 2000).drifted).toEqual([]);
  });

  it('says nothing on few rows', () => {
    const far = featureDrift(bins, sample(100, 3));
    expect(modelDrift('bid-1', [far], 100)).toMatchObject({
      drifted: [],
      reason: '100 rows, 500 are needed to speak of drift',
    });
    expect(featureDrift(bins, [])).toMatchObject({ psi: 0, n: 0, isSignificant: false });
    expect(modelDrift('bid-1', [], 600).reason).toContain('of none');
  });
});

describe('a KPI’s monitor', () => {
  it('alarms on a lasting fall within twelve windows, seldom on noise, and never on a rise', () => {
    const normal = seededNormal(seededRandom(3));
    let [alarms, late] = [0, 0];
    for (let run = 0; run < 200; run++) {
      let state = newMonitor();
      let seen: string | null = null;
      for (let window = 0; window < 300; window++) {
        ({ state, seen } = stepMonitor('win rate', state, 0.3 + 0.01 * normal()));
        if (seen !== null) break;
      }
      if (seen !== null) alarms += 1;
      let found = -1;
      state = newMonitor();
      for (let window = 0; window < 42; window++) {
        ({ state, seen } = stepMonitor('win rate', state, (window < 30 ? 0.3 : 0.28) + 0.01 * normal()));
        if (seen !== null && found < 0) found = window;
      }
      if (found < 30) late += 1;
    }
    expect(alarms / 200).toBeLessThan(0.05);
    expect(late / 200).toBeLessThan(0.1);
    let state = newMonitor();
    let seen: string | null = null;
    for (let window = 0; window < 60; window++) {
      ({ state, seen } = stepMonitor('win rate', state, window < 30 ? 0.3 + (window % 2) * 0.01 : 0.5));
      expect(seen).toBeNull();
    }
  });
});
