import { LoggedFeedback, LoggedFeedbackError } from './logged-feedback';
import { evaluateTabular } from './off-policy-report';
import { doublyRobust, inversePropensity, OFF_POLICY_ESTIMATORS } from './off-policy-estimators';
import { seededRandom } from './seeded-random';
import { uniformPolicy, type ActionTable, type TabularLog } from './tabular-policy';

const RATES = [0.1, 0.2, 0.4];
const LOGGING = [0.5, 0.3, 0.2];
const TARGET = [0.1, 0.2, 0.7];
const TRUTH = TARGET.reduce((sum, p, action) => sum + p * RATES[action]!, 0);

/** A log of `n` rows drawn from `LOGGING` with known click rates. */
function drawnLog(n: number, seed: number): TabularLog {
  const rng = seededRandom(seed);
  const log: TabularLog = {
    actions: 3,
    positions: 1,
    action: new Int32Array(n),
    position: new Int32Array(n),
    reward: new Float64Array(n),
    propensity: new Float64Array(n),
  };
  for (let row = 0; row < n; row++) {
    const draw = rng();
    const action = draw < LOGGING[0]! ? 0 : draw < LOGGING[0]! + LOGGING[1]! ? 1 : 2;
    log.action[row] = action;
    log.reward[row] = rng() < RATES[action]! ? 1 : 0;
    log.propensity[row] = LOGGING[action]!;
  }
  return log;
}
const target: ActionTable = { actions: 3, positions: 1, values: Float64Array.from(TARGET) };
const options = { rngFor: () => seededRandom(1), resamples: 100, level: 0.95, force: false };

describe('off-policy evaluation', () => {
  it('comes near the known truth with every estimator, and its intervals cover it', () => {
    const result = evaluateTabular(drawnLog(20_000, 3), target, options);
    if (result.kind !== 'reported') throw new Error('refused');
    // The smoothed model's prior of 0.5 % pulls the direct method down; the others are unbiased here.
    for (const { name } of OFF_POLICY_ESTIMATORS)
      expect(Math.abs(result.report.estimates[name] - TRUTH)).toBeLessThan(name === 'dm' ? 0.03 : 0.01);
    for (const name of ['ipw', 'snipw', 'dr', 'sndr'] as const) {
      const { lower, upper } = result.report.intervals[name];
      expect(lower).toBeLessThan(TRUTH);
      expect(upper).toBeGreaterThan(TRUTH);
    }
    expect(result.report.importanceWeights.mean).toBeCloseTo(1, 1);
  });

  it('covers the truth in about 95 of 100 logs', () => {
    let covered = 0;
    for (let seed = 0; seed < 100; seed++) {
      const result = evaluateTabular(drawnLog(1000, seed + 1), target, options);
      if (result.kind !== 'reported') throw new Error('refused');
      const { lower, upper } = result.report.intervals.dr;
      if (lower <= TRUTH && TRUTH <= upper) covered += 1;
    }
    expect(covered).toBeGreaterThanOrEqual(88);
  });

  it('doubly robust is right when the reward model is wrong but propensities are right', () => {
    const log = drawnLog(50_000, 5);
    const weights = Array.from(log.action, (action) => TARGET[action]!);
    const wrong = new LoggedFeedback({
      reward: log.reward,
      logged: log.propensity,
      evaluated: weights,
      modelled: log.reward.map(() => 0.9),
      expected: log.reward.map(() => 0.9),
    });
    expect(Math.abs(doublyRobust.estimate(wrong) - TRUTH)).toBeLessThan(0.02);
    expect(Math.abs(inversePropensity.estimate(wrong) - TRUTH)).toBeLessThan(0.02);
  });

  it('refuses a log that explores too little, and says what a forced report overrode', () => {
    const log = drawnLog(5000, 7);
    // One row carries nearly all weight.
    log.propensity[0] = 1e-9;
    const refused = evaluateTabular(log, target, options);
    expect(refused).toMatchObject({ kind: 'refused', refusals: [{ code: 'LOW_EFFECTIVE_SAMPLE_SIZE' }] });
    expect(evaluateTabular(log, target, { ...options, force: true })).toMatchObject({
      kind: 'reported',
      overridden: [{ code: 'LOW_EFFECTIVE_SAMPLE_SIZE' }],
    });
    const blind = { ...drawnLog(5000, 8), actions: 4 };
    expect(evaluateTabular(blind, uniformPolicy(4, 1), options)).toMatchObject({
      kind: 'refused',
      refusals: [{ code: 'MISSING_SUPPORT' }],
    });
  });

  it.each([
    ['EMPTY_LOG', { reward: [], logged: [], evaluated: [], modelled: [], expected: [] }],
    ['COLUMN_LENGTHS', { reward: [1, 0], logged: [1], evaluated: [1], modelled: [0], expected: [0] }],
    ['BAD_NUMBER', { reward: [NaN], logged: [1], evaluated: [1], modelled: [0], expected: [0] }],
    ['BAD_NUMBER', { reward: [1], logged: [1.5], evaluated: [1], modelled: [0], expected: [0] }],
    ['MISSING_SUPPORT', { reward: [1], logged: [0], evaluated: [0.5], modelled: [0], expected: [0] }],
  ])('checks logged data at construction: %s', (code, columns) => {
    expect(() => new LoggedFeedback(columns)).toThrow(
      expect.objectContaining({ code, name: 'LoggedFeedbackError' }) as LoggedFeedbackError,
    );
  });
});
