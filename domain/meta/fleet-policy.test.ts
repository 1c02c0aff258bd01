import { zeroKpiSums, type Agent, type KpiSums } from '../contracts';
import type { AgentHealthSums, FleetHealth } from './fleet-health';
import { judgeFleet } from './fleet-policy';

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
const bid = (changes: Partial<AgentHealthSums> = {}): AgentHealthSums => ({
  agent: 'bid',
  decisions: 6000,
  fallbacks: 60,
  errors: 6,
  ...changes,
});
const health = (changes: Partial<FleetHealth> = {}): FleetHealth => ({
  windowSeconds: 60,
  agents: [bid()],
  current: sums(),
  previous: sums(),
  ...changes,
});

/** Kinds of the actions at each tick, one tick a minute; memory goes through JSON as a workflow carries it. */
function walk(ticks: FleetHealth[], quarantined: Agent[] = []): string[] {
  let memory: unknown = null;
  return ticks.map((tick, minute) => {
    const judged = judgeFleet({ health: tick, quarantined, memory, nowMs: minute * 60_000 });
    memory = JSON.parse(JSON.stringify(judged.memory));
    expect(judged.reason).not.toBe('');
    return judged.actions.map((action) => action.kind).join();
  });
}
const repeat = (tick: FleetHealth, times: number) => Array.from({ length: times }, () => tick);

describe('meta-agent policy', () => {
  it('does nothing while all is well, and without data', () => {
    expect(walk(repeat(health(), 5))).toEqual(['', '', '', '', '']);
    const silent = health({ agents: [], current: zeroKpiSums(), previous: zeroKpiSums() });
    expect(walk(repeat(silent, 3))).toEqual(['', '', '']);
  });

  it.each([
    ['errors', { errors: 400 }, 'bid failed in 6.7 % of 6000 decisions, limit 5.0 %, in 2 of 3 windows'],
    ['fallbacks', { fallbacks: 1500 }, 'bid fell back in 25.0 % of 6000 decisions, limit 20.0 %, in 2 of 3 windows'],
  ])('quarantines an agent for %s seen in 2 of 3 ticks', (_name, changes, reason) => {
    const bad = health({ agents: [bid(changes)] });
    expect(walk([bad, health(), bad])).toEqual(['', '', 'quarantine']);
    const first = judgeFleet({ health: bad, quarantined: [], memory: null, nowMs: 0 });
    const second = judgeFleet({ health: bad, quarantined: [], memory: first.memory, nowMs: 60_000 });
    expect(second.actions).toEqual([{ kind: 'quarantine', agent: 'bid', reason }]);
  });

  it('does not act on one bad tick, on few decisions, or twice', () => {
    const bad = health({ agents: [bid({ errors: 3000 })] });
    expect(walk([bad, health(), health(), bad])).toEqual(['', '', '', '']);
    expect(walk(repeat(health({ agents: [bid({ decisions: 100, errors: 100 })] }), 3))).toEqual(['', '', '']);
    expect(walk(repeat(bad, 3), ['bid'])).toEqual(['', '', '']);
  });

  it('rests for ten minutes after a quarantine that somebody lifted', () => {
    const bad = health({ agents: [bid({ errors: 3000 })] });
    const actions = walk(repeat(bad, 14));
    expect(actions.flatMap((kind, minute) => (kind === 'quarantine' ? [minute] : []))).toEqual([1, 11]);
  });

  it('proposes to stop when most decisions fail while money flows, or value collapses', () => {
    expect(walk(repeat(health({ current: sums({ errors: 6000 }) }), 3))).toEqual(['', 'propose-stop', '']);
    const worthless = sums({ valueNanos: 10e8 });
    expect(walk(repeat(health({ current: worthless }), 2))).toEqual(['', 'propose-stop']);
    expect(walk(repeat(health({ current: sums({ errors: 6000, spendNanos: 0 }) }), 3))).toEqual(['', '', '']);
  });

  it('asks for retraining on a drop that is large and significant, once a day', () => {
    const drop = health({ current: sums({ wins: 1500 }) });
    expect(walk(repeat(drop, 6))).toEqual(['', 'retrain', '', '', '', '']);
    expect(walk(repeat(health({ current: sums({ wins: 1900 }) }), 3))).toEqual(['', '', '']);
    // A third fewer clicks of 150 is large, but 3 standard errors only.
    expect(walk(repeat(health({ current: sums({ clicks: 100 }) }), 3))).toEqual(['', '', '']);
  });

  it('survives a memory it cannot read', () => {
    expect(judgeFleet({ health: health(), quarantined: [], memory: { votes: 7 }, nowMs: 0 }).actions).toEqual([]);
  });
});
