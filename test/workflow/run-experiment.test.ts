import { WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { ExperimentPlan, ExperimentVerdict } from '#domain/contracts';
import type { ExperimentView, RunExperimentInput } from '../../workflows/experiment/messages';
import type { Command } from '../../workflows/messages';
import { CONTROL_QUEUE, experimentWorkflowId } from '../../workflows/workflow-ids';
import { experimentInput, quickPlan, stubExperiment, type ExperimentStubOptions } from './stub-experiment';
import { WorkflowEnvironment } from './workflow-environment';

const alice = { name: 'alice', role: 'release-manager' } as const;
const mia = { name: 'mia', role: 'ml-lead' } as const;
const DAY = 86_400;

let environment: WorkflowEnvironment;
let n = 0;
beforeAll(async () => {
  environment = await WorkflowEnvironment.create();
}, 60_000);
afterAll(() => environment.teardown());

type Stub = ReturnType<typeof stubExperiment>;

const startOf = (input: RunExperimentInput): Promise<WorkflowHandle> =>
  environment.env.client.workflow.start('runExperiment', {
    workflowId: experimentWorkflowId(input.experimentId),
    taskQueue: CONTROL_QUEUE,
    args: [input],
  });

async function experiment(
  plan: ExperimentPlan,
  options: ExperimentStubOptions,
  during: (handle: WorkflowHandle, stub: Stub) => Promise<void> = async () => undefined,
  change: Partial<RunExperimentInput> = {},
) {
  const stub = stubExperiment(options);
  const input = experimentInput(`exp_${(n += 1)}`, plan, change);
  const view = await environment.with(stub.activities, async () => {
    const handle = await startOf(input);
    await during(handle, stub);
    return (await handle.result()) as ExperimentView;
  });
  return { view, ...stub };
}

async function until(handle: WorkflowHandle, wanted: (view: ExperimentView) => boolean): Promise<ExperimentView> {
  for (let tries = 0; tries < 400; tries += 1) {
    const view = await handle.query<ExperimentView>('state');
    if (wanted(view)) return view;
    await environment.env.sleep('200ms');
  }
  throw new Error(`never reached: ${JSON.stringify(await handle.query('state'))}`);
}

const send = (handle: WorkflowHandle, name: string, by: Command['by'] = alice) =>
  handle.executeUpdate<ExperimentView, [Command]>(name, { args: [{ by, reason: `${name} by test` }] });

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => null,
    (e: unknown) => e,
  );
  if (!(error instanceof WorkflowUpdateFailedError) || !(error.cause instanceof ApplicationFailure)) throw error;
  return error.cause.type ?? '';
}

const always = (verdict: ExperimentVerdict) => () => verdict;

/** Fourteen days with a look every six hours. */
const fortnight = (change: Partial<ExperimentPlan> = {}): ExperimentPlan =>
  quickPlan({
    horizonSeconds: 14 * DAY,
    lookEverySeconds: 6 * 3600,
    bucketSeconds: 300,
    labelMaturitySeconds: 3600,
    decisionDeadlineSeconds: DAY,
    pauseLimitSeconds: 7 * DAY,
    ...change,
  });

describe('runExperiment over days of skipped time', () => {
  const clock = () => environment.env.connection.testService!;
  /**
   * One experiment from start to end; `during` may send commands between sleeps. In one run, because the test server's clock
   * stands still once a run has ended with its guard between two attempts; the same holds its workers back at the end.
   */
  const days = async (
    plan: ExperimentPlan,
    options: ExperimentStubOptions = {},
    during: (handle: WorkflowHandle, stub: Stub) => Promise<void> = async () => undefined,
  ) => {
    const stub = stubExperiment({ guardIsAway: true, ...options });
    const input = experimentInput(`exp_${(n += 1)}`, plan, { looksPerRun: 1000 });
    const view = await environment.with(stub.activities, async () => {
      const handle = await startOf(input);
      await during(handle, stub);
      const ended = (await handle.result()) as ExperimentView;
      await clock().unlockTimeSkipping({});
      return ended;
    });
    await clock().lockTimeSkipping({});
    return { view, ...stub };
  };
  const withoutGuards = (log: readonly string[]) => log.filter((line) => !line.startsWith('guard'));

  test('serves fourteen days, reads out at the horizon alone, and ends on the champion', async () => {
    // An early answer ends nothing: the horizon is fixed.
    const { view, log, looks, intents, keys } = await days(fortnight(), { verdictOf: always('treatment-better') });
    expect(view).toMatchObject({ state: 'ended', result: 'treatment-better', shareBps: 0, guard: 'idle' });
    expect(view.servedSeconds).toBeCloseTo(14 * DAY, -2);
    expect(looks).toHaveLength(14 * 4);
    expect(looks.map(({ look }) => look)).toEqual(looks.map((_, index) => index + 1));
    expect(withoutGuards(log)).toEqual(['open', 'claim', 'serve 0 5000', 'stop', 'release']);
    expect(log.filter((line) => line === 'guard 0')).toHaveLength(1);
    expect(intents.map(({ kind }) => kind)).toEqual(['experiment.started', 'experiment.ended']);
    expect(intents[1]!.action).toMatchObject({ result: 'treatment-better', planDigest: 'd1ge57' });
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('the time of a pause does not count towards the horizon', async () => {
    const { view, log, looks } = await days(fortnight({ horizonSeconds: 4 * DAY }), {}, async (handle) => {
      await environment.env.sleep('2 days');
      await send(handle, 'pause', mia);
      await until(handle, (v) => v.state === 'paused');
      await environment.env.sleep('3 days');
      expect(await until(handle, (v) => v.state === 'paused')).toMatchObject({ shareBps: 0, period: 1 });
      await send(handle, 'resume');
    });
    expect(view).toMatchObject({ state: 'ended', result: 'no-difference-shown', period: 1 });
    expect(view.servedSeconds / DAY).toBeCloseTo(4, 1);
    expect(withoutGuards(log)).toEqual(['open', 'claim', 'serve 0 5000', 'stop', 'serve 1 5000', 'stop', 'release']);
    const [before, after] = [0, 1].map((period) => looks.filter((look) => look.period === period));
    expect(after[0]!.atMs - before.at(-1)!.atMs).toBeGreaterThan(2.9 * DAY * 1000);
    expect(after[0]!.servedSeconds - before.at(-1)!.servedSeconds).toBeLessThan(13 * 3600);
  });

  test('a pause that nobody ends ends the experiment', async () => {
    const { view } = await days(fortnight(), {}, async (handle) => {
      await environment.env.sleep('1 day');
      await send(handle, 'pause');
      await until(handle, (v) => v.state === 'paused');
    });
    expect(view).toMatchObject({ state: 'ended', result: 'invalid-paused-too-long' });
  });

  test('traffic stops half-way: pages, then ends as invalid', async () => {
    const { view, rows, looks, pages } = await days(fortnight({ horizonSeconds: 6 * DAY }), {
      verdictOf: (_, look) => (look > 3 * 4 ? 'no-data' : 'no-difference-shown'),
    });
    expect(view).toMatchObject({ state: 'ended', result: 'invalid-no-data' });
    // The last read-out that meant something stays.
    expect(view.readout).not.toBeNull();
    expect(rows.some((row) => row.waitingFor?.includes('no-data'))).toBe(true);
    expect(pages).toMatchObject([{ kind: 'experiment-untrusted', agent: null, subject: view.experimentId }]);
    expect(pages[0]!.reason).toContain('no-data');
    expect(looks.length).toBeGreaterThanOrEqual(4 * 4);
    expect(looks.length).toBeLessThanOrEqual(4 * 4 + 3);
  });
});

describe('runExperiment', () => {
  test.each([
    ['treatment-better', 'treatment-better'],
    ['control-better', 'control-better'],
    ['no-difference-shown', 'no-difference-shown'],
    ['too-few-data', 'invalid-too-few-data'],
  ] as const)('%s at the horizon is the result', async (verdict, result) => {
    const { view, log } = await experiment(quickPlan({ horizonSeconds: 3 }), { verdictOf: always(verdict) });
    expect(view).toMatchObject({ state: 'ended', result, shareBps: 0 });
    expect(view.safe).toMatchObject({ acknowledged: ['edge-1'], stragglers: [] });
    expect(log).toEqual(['open', 'claim', 'serve 0 5000', 'guard 0', 'stop', 'release']);
  });

  test('a guardrail seen by a look ends it at once', async () => {
    const { view, looks } = await experiment(quickPlan({ horizonSeconds: 600 }), {
      verdictOf: (_, look) => (look >= 2 ? 'guardrail' : 'no-difference-shown'),
    });
    expect(view).toMatchObject({ state: 'ended', result: 'stopped-by-guardrail' });
    expect(looks).toHaveLength(2);
  });

  test.each([
    ['guardrail', 'stopped-by-guardrail'],
    ['champion-changed', 'invalid-champion-changed'],
  ] as const)('a guard that fires for %s ends it as %s', async (guardCause, result) => {
    const { view } = await experiment(quickPlan({ horizonSeconds: 600 }), { guardFiresAfterMs: 1500, guardCause });
    expect(view).toMatchObject({ state: 'ended', result, guard: 'fired', reason: 'errorShare 0.2' });
  });

  test.each([
    ['srm', 'invalid-sample-ratio'],
    ['error', 'invalid-error'],
  ] as const)('%s pages until the deadline, then ends it as invalid', async (verdict, result) => {
    const { view, rows, pages, looks } = await experiment(quickPlan({ horizonSeconds: 600 }), {
      verdictOf: always(verdict),
    });
    expect(view).toMatchObject({ state: 'ended', result, readout: null });
    expect(rows.some((row) => row.waitingFor?.includes(verdict))).toBe(true);
    expect(looks.length).toBeGreaterThan(2);
    expect(pages).toMatchObject([{ kind: 'experiment-untrusted', subject: view.experimentId, cell: 'default' }]);
  });

  test('pages once per cause, also across continue-as-new, and names edges that did not come back', async () => {
    const verdicts: ExperimentVerdict[] = ['no-difference-shown', 'srm', 'error', 'srm', 'error', 'srm', 'error'];
    const { view, pages } = await experiment(
      quickPlan({ horizonSeconds: 600, decisionDeadlineSeconds: 4 }),
      { verdictOf: (_, look) => verdicts[look - 1] ?? 'error', stragglers: ['edge-2'] },
      undefined,
      { looksPerRun: 2 },
    );
    expect(view).toMatchObject({ state: 'ended', safe: { stragglers: ['edge-2'] } });
    const raised = pages.map(({ kind, reason }) => `${kind} ${reason.replace(/look \d+ says /, '')}`);
    expect(raised).toEqual([
      'experiment-untrusted srm',
      'experiment-untrusted error',
      'roll-back-stragglers edge-1 serve the champion, edge-2 did not acknowledge it: look at these edges',
    ]);
    expect(new Set(pages.map(({ key }) => key)).size).toBe(3);
  });

  test('an incident that comes back within the hour calls nobody again', async () => {
    const { pages } = await experiment(quickPlan({ horizonSeconds: 7 }), {
      verdictOf: (_, look) => (look % 2 === 0 ? 'error' : 'no-difference-shown'),
    });
    expect(pages.map(({ kind }) => kind)).toEqual(['experiment-untrusted']);
  });

  test('refuses a registration with every fault and never touches serving', async () => {
    const faults = [{ pointer: '/plan/primary', code: 'NOT_TESTABLE', detail: 'a' }];
    const { view, log } = await experiment(quickPlan(), { faults });
    expect(view).toMatchObject({ state: 'refused', faults, result: null });
    expect(log).toEqual(['open']);
  });

  test('refuses while somebody else holds the canary slot, and names the holder', async () => {
    const { view, log } = await experiment(quickPlan(), { claimed: false });
    expect(view).toMatchObject({ state: 'refused', faults: [{ code: 'CANARY_SLOT_BUSY' }] });
    expect(view.reason).toContain('rol_other');
    expect(log).toEqual(['open', 'claim']);
  });

  test('abort wins over a pause and over a look that hangs', async () => {
    const { view, log } = await experiment(
      quickPlan({ horizonSeconds: 600 }),
      { looksHang: true },
      async (handle, stub) => {
        await until(handle, () => stub.keys.some((key) => key.includes('/look/')));
        await send(handle, 'pause');
        await send(handle, 'abort', { name: 'oncall', role: 'on-call' });
      },
    );
    expect(view).toMatchObject({ state: 'ended', result: 'aborted' });
    expect(view.reason).toBe('aborted by oncall: abort by test');
    expect(log.at(-1)).toBe('release');
    expect(log.filter((line) => line.startsWith('serve'))).toHaveLength(1);
  });

  test('a stopped line holds the start back, and an abort does not wait for it', async () => {
    const { view, log, rows } = await experiment(
      quickPlan({ horizonSeconds: 600 }),
      { heldTimes: 99 },
      async (handle) => {
        await until(handle, (v) => v.waitingFor === 'the end of the hold');
        await send(handle, 'abort');
      },
    );
    expect(view).toMatchObject({ state: 'ended', result: 'aborted', look: 0 });
    expect(log).toEqual(['open', 'claim', 'serve 0 5000', 'stop', 'release']);
    expect(rows.some((row) => row.reason.includes('the line is stopped'))).toBe(true);
  });

  test('abort while paused ends it', async () => {
    const { view } = await experiment(quickPlan({ horizonSeconds: 600 }), {}, async (handle) => {
      await until(handle, (v) => v.look >= 1);
      await send(handle, 'pause');
      await until(handle, (v) => v.state === 'paused');
      await send(handle, 'abort');
    });
    expect(view).toMatchObject({ state: 'ended', result: 'aborted', period: 1 });
  });

  test('cancelled in Temporal: the same as an abort', async () => {
    const { view, log } = await experiment(quickPlan({ horizonSeconds: 600 }), {}, async (handle) => {
      await until(handle, (v) => v.look >= 1);
      await handle.cancel();
    });
    expect(view).toMatchObject({ state: 'ended', result: 'aborted', reason: 'cancelled in Temporal' });
    expect(log.slice(-2)).toEqual(['stop', 'release']);
  });

  test('who may command what, and when', async () => {
    await experiment(quickPlan({ horizonSeconds: 600 }), {}, async (handle) => {
      await until(handle, (v) => v.look >= 1);
      expect(await refusal(send(handle, 'abort', { name: 'vic', role: 'viewer' }))).toBe('ROLE_NOT_ALLOWED');
      expect(await refusal(send(handle, 'resume', mia))).toBe('ROLE_NOT_ALLOWED');
      expect(await refusal(send(handle, 'resume'))).toBe('NOT_PAUSED');
      await send(handle, 'pause', mia);
      await send(handle, 'pause');
      await until(handle, (v) => v.state === 'paused');
      await send(handle, 'abort', mia);
    });
  });

  test('goes on as a new run in the middle of a period, with keys that never repeat', async () => {
    const { view, looks, keys, log } = await experiment(quickPlan({ horizonSeconds: 8 }), {}, undefined, {
      looksPerRun: 2,
    });
    expect(view).toMatchObject({ state: 'ended', result: 'no-difference-shown', period: 0 });
    expect(looks.map(({ look }) => look)).toEqual(looks.map((_, index) => index + 1));
    expect(log.filter((line) => line.startsWith('serve'))).toHaveLength(1);
    expect(log.filter((line) => line === 'guard 0').length).toBeGreaterThan(1);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
