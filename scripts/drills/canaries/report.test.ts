import type { CanaryLife } from './canary-life';
import { caughtBy, judgeCanaries, type CanaryRow } from './report';

const EDGES = ['edge-1', 'edge-2', 'edge-3'];
const safe = { verdictAtMs: 60_000, safeAtMs: 60_400, timeToSafeMs: 400, acknowledged: EDGES, stragglers: [] };
const life = (changes: Partial<CanaryLife> = {}): CanaryLife => ({
  rolloutId: 'rol_1',
  state: 'rolled-back',
  verdict: 'inferior',
  reason: 'cpc is +150.4 %',
  safe,
  quarantinedOn: [],
  servedFromMs: 0,
  endedAtMs: 61_000,
  endedByDrill: false,
  ...changes,
});
const row = (changes: Partial<CanaryRow> = {}): CanaryRow => ({
  name: 'nan-1',
  kind: 'nan',
  size: 'every request',
  trueValueEffect: null,
  trueSpendEffect: null,
  life: life(),
  exposure: { canary: 450, all: 10_000, share: 0.045, firstAtMs: 30_000, lastAtMs: 60_300, edges: EDGES },
  ...changes,
});
const survivor = row({
  name: 'healthy-1',
  kind: 'healthy',
  life: life({ state: 'aborted', reason: 'oscar: its time is over', verdict: 'continue', endedByDrill: true }),
});
const judge = (rows: CanaryRow[]) => judgeCanaries({ seed: 1, kinds: ['nan'], sizes: 1 }, rows);

describe('the canary drill judges', () => {
  it.each([
    ['guardrail: fallbackShare is 60 %', 'inferior', 'guard: fallbackShare'],
    ['catastrophe lane: primary metric -45.7 %, proven worse than -20 %', 'inferior', 'catastrophe lane: value'],
    ['latencyMsP99 is 9 ms in the canary, for 3 look(s) in a row', 'inferior', 'catastrophe lane: latencyMsP99'],
    ['cpc is +150.4 %', 'inferior', 'verdict: cpc'],
  ] as const)('who caught it: %s', (reason, verdict, by) => expect(caughtBy(life({ reason, verdict }))).toBe(by));

  it('passes when the bad one is caught in time and the healthy one survives', () => {
    const report = judge([row(), survivor]);
    expect(report).toMatchObject({ passed: true, bad: 1, caught: 1, healthy: 1, rolledBackHealthy: 0 });
    expect(report).toMatchObject({ worstExposure: 0.045, worstTimeToSafeMs: 400, worstLastDecisionMs: 300 });
    expect(report.rows[0]!.secondsToVerdict).toBe(30);
  });

  it.each([
    ['a bad one that the drill had to end', { life: life({ state: 'aborted', endedByDrill: true }) }, 'was not caught'],
    ['a bad one that never reached a canary', { life: life({ state: 'never-served', safe: null }) }, 'was not caught'],
    ['too much traffic', { exposure: { ...row().exposure, share: 0.051 } }, '5.10 % of the traffic'],
    ['an edge that never served it', { exposure: { ...row().exposure, edges: ['edge-1'] } }, 'served by edge-1 only'],
    [
      'an edge that did not acknowledge',
      { life: life({ safe: { ...safe, acknowledged: ['edge-1'] } }) },
      'not every edge',
    ],
    ['six seconds to safe', { life: life({ safe: { ...safe, timeToSafeMs: 6000 } }) }, 'safe after 6000 ms'],
    ['a decision long after', { exposure: { ...row().exposure, lastAtMs: 66_000 } }, 'decided 6000 ms after'],
  ] as const)('fails on %s', (_name, changes, fault) => {
    const report = judge([row(changes as Partial<CanaryRow>), survivor]);
    expect(report.passed).toBe(false);
    expect(report.faults.join()).toContain(fault);
  });

  it('fails when a healthy one is rolled back, or one is missing', () => {
    expect(judge([row(), { ...survivor, life: life() }]).faults.join()).toContain('healthy healthy-1 was ended by');
    expect(judge([row()]).passed).toBe(false);
  });
});
