import fc from 'fast-check';
import { defaultPlan, VERDICTS, type Verdict } from '../contracts';
import { COMMAND_PRECEDENCE } from './command-precedence';
import { nextStep, type StepState } from './next-step';

const state = (changes: Partial<StepState> = {}): StepState => ({
  plan: defaultPlan('test'),
  stage: 1,
  verdict: 'non-inferior',
  verdictReason: 'the reason',
  elapsedSeconds: 4000,
  undecidedSeconds: 0,
  awaitingApprovalSeconds: 0,
  commands: [],
  paused: false,
  approved: false,
  frozen: null,
  ...changes,
});
const step = (changes: Partial<StepState>) => nextStep(state(changes)).step;

const late: Partial<StepState> = { verdict: 'inconclusive', undecidedSeconds: 86_400 };
const anyLook: Partial<StepState> = { plan: { ...defaultPlan('test'), fullPromotion: 'any-look' } };

describe('next step', () => {
  it.each([
    ['advance', 'a proven stage after its hold', {}],
    ['hold', 'before the hold is over', { elapsedSeconds: 3599 }],
    ['promote', 'the last stage', { stage: 5 }],
    ['hold', 'approval is missing', { stage: 0 }],
    ['advance', 'approval is there', { stage: 0, approved: true }],
    ['roll-back', 'approval never came', { stage: 0, awaitingApprovalSeconds: 86_400 }],
    ['roll-back', 'inferior', { verdict: 'inferior' }],
    ['roll-back', 'inferior although paused', { verdict: 'inferior', paused: true }],
    ['roll-back', 'inferior although frozen', { verdict: 'inferior', frozen: 'weekend' }],
    ['hold', 'continue', { verdict: 'continue' }],
    ['hold', 'no look yet', { verdict: null }],
    ['page', 'inconclusive', { verdict: 'inconclusive' }],
    ['roll-back', 'inconclusive beyond the deadline', { verdict: 'inconclusive', undecidedSeconds: 86_400 }],
    ['page', 'srm', { verdict: 'srm' }],
    ['roll-back', 'srm beyond the deadline', { verdict: 'srm', undecidedSeconds: 86_400 }],
    ['page', 'error', { verdict: 'error' }],
    ['hold', 'no data right after the start', { verdict: 'no-data', elapsedSeconds: 100 }],
    ['page', 'no data later', { verdict: 'no-data', elapsedSeconds: 8000 }],
    ['page', 'inconclusive although frozen', { verdict: 'inconclusive', frozen: 'holiday' }],
    ['page', 'inconclusive beyond the deadline, let pass in a freeze', { ...late, approved: true, frozen: 'holiday' }],
    ['roll-back', 'srm beyond the deadline, whatever was approved', { ...late, verdict: 'srm', approved: true }],
    ['hold', 'paused', { paused: true }],
    ['advance', 'resumed', { paused: true, commands: ['resume'] }],
    ['hold', 'pause beats resume', { commands: ['resume', 'pause'] }],
    ['hold', 'frozen', { frozen: 'holiday' }],
    ['hold', 'frozen although fully promoted', { frozen: 'holiday', commands: ['promote-fully'] }],
    [
      'promote',
      'fully promoted when proven, before hold and approval',
      { commands: ['promote-fully'], elapsedSeconds: 1 },
    ],
    ['hold', 'fully promoted while undecided', { commands: ['promote-fully'], verdict: 'continue' }],
    ['hold', 'fully promoted at the horizon without proof', { commands: ['promote-fully'], verdict: 'inconclusive' }],
    ['promote', 'any look will do for the plan', { ...anyLook, commands: ['promote-fully'], verdict: 'continue' }],
    ['promote', 'any look: at the horizon', { ...anyLook, commands: ['promote-fully'], verdict: 'inconclusive' }],
    ['page', 'any look is not a broken one', { ...anyLook, commands: ['promote-fully'], verdict: 'error' }],
    ['hold', 'any look is not no data', { ...anyLook, commands: ['promote-fully'], verdict: 'no-data' }],
    [
      'hold',
      'the plan forbids it',
      { plan: { ...defaultPlan('t'), fullPromotion: 'never' }, commands: ['promote-fully'] },
    ],
    ['roll-back', 'superseded', { commands: ['supersede', 'approve'] }],
    ['hold', 'fully promoted before the first look', { commands: ['promote-fully'], verdict: null }],
    ['roll-back', 'fully promoted while inferior', { commands: ['promote-fully'], verdict: 'inferior' }],
    ['page', 'fully promoted under a sample ratio mismatch', { commands: ['promote-fully'], verdict: 'srm' }],
    ['roll-back', 'rejected', { commands: ['reject', 'approve'] }],
  ] as [string, string, Partial<StepState>][])('%s: %s', (expected, _name, changes) => {
    expect(step(changes)).toBe(expected);
  });

  const anyState = fc.record({
    stage: fc.integer({ min: 0, max: 5 }),
    verdict: fc.constantFrom<Verdict | null>(...VERDICTS, null),
    elapsedSeconds: fc.integer({ min: 0, max: 100_000 }),
    undecidedSeconds: fc.integer({ min: 0, max: 100_000 }),
    awaitingApprovalSeconds: fc.integer({ min: 0, max: 100_000 }),
    commands: fc.subarray([...COMMAND_PRECEDENCE]),
    paused: fc.boolean(),
    approved: fc.boolean(),
    frozen: fc.constantFrom(null, 'holiday'),
  });

  it('lets abort win always, and always says why', () => {
    fc.assert(
      fc.property(anyState, (changes) => {
        const decision = nextStep(state({ ...changes, commands: [...changes.commands, 'abort'] }));
        expect(decision).toEqual({ step: 'roll-back', reason: 'an operator aborted the rollout' });
        expect(nextStep(state(changes)).reason).not.toBe('');
      }),
    );
  });

  it('never raises exposure without a verdict that allows it, and never while paused, frozen or unproven', () => {
    fc.assert(
      fc.property(anyState, (changes) => {
        const { step } = nextStep(state(changes));
        if (step !== 'advance' && step !== 'promote') return;
        expect(['non-inferior', 'continue', 'inconclusive']).toContain(changes.verdict);
        if (changes.verdict !== 'non-inferior') expect(changes.commands).toContain('promote-fully');
        expect(changes.frozen).toBeNull();
        expect(changes.commands).not.toContain('pause');
      }),
      { numRuns: 2000 },
    );
  });
});
