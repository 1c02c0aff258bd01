import type { ShadowEvidence, ValidateInShadowInput } from '../../workflows/messages';
import { CONTROL_QUEUE } from '../../workflows/workflow-ids';
import { shadowInPairs } from './shadow-pairs';
import { shortPlan, stubRollout, type StubOptions } from './stub-rollout';
import { WorkflowEnvironment } from './workflow-environment';

describe('validateInShadow', () => {
  let environment: WorkflowEnvironment;
  beforeAll(async () => {
    environment = await WorkflowEnvironment.create();
  }, 60_000);
  afterAll(() => environment.teardown());

  let n = 0;
  async function shadow(options: StubOptions) {
    const { activities, log } = stubRollout(options);
    let evidence!: ShadowEvidence;
    await environment.with(activities, async () => {
      const input: ValidateInShadowInput = {
        rolloutId: `rol_${(n += 1)}`,
        fleet: 'demo',
        agent: 'bid',
        stage: 0,
        plan: shortPlan(),
        requestedBy: 'mia',
      };
      const { workflow } = environment.env.client;
      const workflowId = `shadow/${input.rolloutId}`;
      evidence = await workflow.execute('validateInShadow', { workflowId, taskQueue: CONTROL_QUEUE, args: [input] });
    });
    return { evidence, log };
  }

  test('collects more while slowness may be chance, passes on a busy machine and ends the shadow', async () => {
    let looks = 0;
    const { evidence, log } = await shadow({
      shadow: () => ((looks += 1) < 4 ? shadowInPairs(31_000, 6) : shadowInPairs(28_000, 4)),
    });
    expect(looks).toBe(4);
    expect(evidence).toMatchObject({ verdict: 'pass', pairs: { users: 200 } });
    expect(evidence.reason).toContain("the champion's p99 20000 µs on the same requests, budget 30000 µs");
    expect(log).toEqual(['shadow 1000', 'shadow 0']);
  });

  test.each([
    ['slower than the champion beyond doubt', () => shadowInPairs(60_000, 100), 'fail', /^too slow/],
    ['still slower at the end of its time', () => shadowInPairs(31_000, 6), 'fail', /^too slow/],
    ['whose predictions are far off', () => shadowInPairs(400, 0, 'beyond'), 'fail', /^win predictions/],
    ['whose outcomes are not mature', () => shadowInPairs(400, 0, 'no-data'), 'pass', /calibration no-data/],
  ] as const)('a candidate %s', async (_what, given, verdict, reason) => {
    const { evidence, log } = await shadow({ shadow: given });
    expect(evidence.verdict).toBe(verdict);
    expect(evidence.reason).toMatch(reason);
    expect(log.at(-1)).toBe('shadow 0');
  });
});
