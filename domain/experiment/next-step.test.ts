import type { ExperimentVerdict } from '../contracts';
import { experimentStep, type ExperimentStanding } from './next-step';
import { agentsOfSubject, isChampion, nameOfArm } from './subject';

const plan = {
  horizonSeconds: 1000,
  decisionDeadlineSeconds: 100,
  labelMaturitySeconds: 10,
  bucketSeconds: 5,
  lookEverySeconds: 5,
};
const standing = (verdict: ExperimentVerdict, change: Partial<ExperimentStanding> = {}): ExperimentStanding => ({
  plan,
  verdict,
  verdictReason: 'because',
  servedSeconds: 500,
  periodSeconds: 500,
  unusableSeconds: 0,
  ...change,
});

describe('what follows from a look', () => {
  it.each(['treatment-better', 'control-better', 'no-difference-shown', 'too-few-data'] as const)(
    '%s before the horizon ends nothing',
    (verdict) => expect(experimentStep(standing(verdict)).step).toBe('serve'),
  );

  it.each([
    ['treatment-better', 'treatment-better'],
    ['control-better', 'control-better'],
    ['no-difference-shown', 'no-difference-shown'],
    ['too-few-data', 'invalid-too-few-data'],
    ['srm', 'invalid-sample-ratio'],
    ['no-data', 'invalid-no-data'],
    ['error', 'invalid-error'],
  ] as const)('%s at the horizon ends as %s', (verdict, result) =>
    expect(experimentStep(standing(verdict, { servedSeconds: 1000 }))).toMatchObject({ step: 'end', result }),
  );

  it('harm ends it at once', () =>
    expect(experimentStep(standing('guardrail', { servedSeconds: 1 }))).toMatchObject({
      step: 'end',
      result: 'stopped-by-guardrail',
    }));

  it.each(['srm', 'no-data', 'error'] as const)('%s pages, and ends as invalid when nobody acts', (verdict) => {
    expect(experimentStep(standing(verdict, { unusableSeconds: 99 })).step).toBe('page');
    expect(experimentStep(standing(verdict, { unusableSeconds: 100 })).step).toBe('end');
  });

  it('silence right after a start or a resume pages nobody', () => {
    expect(experimentStep(standing('no-data', { periodSeconds: 25 })).step).toBe('serve');
    expect(experimentStep(standing('no-data', { periodSeconds: 26 })).step).toBe('page');
    expect(experimentStep(standing('srm', { periodSeconds: 1 })).step).toBe('page');
  });
});

describe('subject', () => {
  const arm = (versions: object, family: 'multi-agent' | 'monolith' = 'multi-agent') => ({ family, versions });

  it('names the agents of both arms once, and the champion where an arm names nothing', () => {
    expect(agentsOfSubject({ control: arm({ bid: 'a' }), treatment: arm({ creative: 'c', bid: 'b' }) })).toEqual([
      'bid',
      'creative',
    ]);
    expect(isChampion(arm({}))).toBe(true);
    expect(isChampion(arm({}, 'monolith'))).toBe(false);
    expect(nameOfArm(arm({}))).toBe('the champion');
    expect(nameOfArm(arm({ creative: 'c', bid: 'b' }))).toBe('b + c');
    expect(nameOfArm(arm({ bid: 'net-7' }, 'monolith'))).toBe('monolith net-7');
  });
});
