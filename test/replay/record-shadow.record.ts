import { CONTROL_QUEUE } from '../../workflows/workflow-ids';
import type { ValidateInShadowInput } from '../../workflows/messages';
import { shadowInPairs } from '../workflow/shadow-pairs';
import { shortPlan, stubRollout, type StubOptions } from '../workflow/stub-rollout';
import { WorkflowEnvironment } from '../workflow/workflow-environment';
import { writeHistory } from './history-file';

// Histories of shadows that are judged in pairs: recorded once, replayed for ever, never written anew.

describe('histories of shadows judged in pairs', () => {
  let environment: WorkflowEnvironment;
  beforeAll(async () => {
    environment = await WorkflowEnvironment.create();
  }, 60_000);
  afterAll(() => environment.teardown());

  async function record(name: string, options: StubOptions): Promise<void> {
    await environment.with(stubRollout(options).activities, async () => {
      const rolloutId = `rol_${name}`;
      const input: ValidateInShadowInput = {
        rolloutId,
        fleet: 'demo',
        agent: 'bid',
        stage: 0,
        plan: shortPlan({ lookEverySeconds: 30 }),
        requestedBy: 'mia',
      };
      const { workflow } = environment.env.client;
      const options = { workflowId: `shadow/${rolloutId}`, taskQueue: CONTROL_QUEUE, args: [input] };
      const handle = await workflow.start('validateInShadow', options);
      await handle.result();
      writeHistory(`validate-in-shadow.${name}`, await handle.fetchHistory());
    });
  }

  test('each way it ends', async () => {
    let looks = 0;
    await record('in-doubt-then-pass', {
      shadow: () => ((looks += 1) < 3 ? shadowInPairs(31_000, 6) : shadowInPairs(28_000, 4)),
    });
    await record('too-slow', { shadow: shadowInPairs(60_000, 100) });
    await record('miscalibrated', { shadow: shadowInPairs(400, 0, 'beyond') });
    await record('no-data', { shadow: { n: 3 } });
  });
});
