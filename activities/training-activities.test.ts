import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { FEATURE_NAMES } from '#domain/features';
import type { DataReport } from '#domain/learning';
import { goodBids, memoryPorts, WINDOW } from '../test/fixtures/training-ports';
import type { OnnxSession } from './onnx-session';
import { createTrainingActivities } from './training-activities';
import type { CandidateDraft, RunProgress } from './training-ports';

const rows = goodBids(1500);
const INPUT = { cell: 'default', window: WINDOW, hyper: { epochs: 6, patience: 6 }, seed: 7 };
/** Failed activities are what these tests make; the worker's logger would write each. */
const logger = new DefaultLogger('ERROR');
const attempt = (n: number) => new MockActivityEnvironment({ attempt: n, activityType: 'trainBidModel' }, { logger });

const train = (memory: ReturnType<typeof memoryPorts>, n = 1): Promise<CandidateDraft> =>
  attempt(n).run(createTrainingActivities(memory.ports).trainBidModel, INPUT);

describe('a training whose worker dies', () => {
  test.each([1, 3, 5])('after epoch %i goes on from its checkpoint to the same artifact', async (epoch) => {
    const undisturbed = await train(memoryPorts(rows));
    const memory = memoryPorts(rows);
    memory.hooks.beforeKeep = (at) => {
      if (at === epoch + 1) throw new Error('killed');
    };
    if (epoch < 5) await expect(train(memory)).rejects.toThrow('killed');
    else await train(memory);
    const keptBefore = memory.seen.kept;
    memory.hooks.beforeKeep = () => undefined;
    const resumed = await train(memory, 2);
    expect(keptBefore).toBe(Math.min(epoch, 5));
    // One that finished and only its report was lost has no checkpoint any more: it trains again, to the same end.
    expect(memory.seen.kept - keptBefore).toBe(epoch < 5 ? 5 - epoch : 5);
    expect(resumed.policy.artifact?.sha256).toBe(undisturbed.policy.artifact!.sha256);
    expect(resumed.policy).toEqual(undisturbed.policy);
  });

  test('a zombie is refused its checkpoint, its end and its registration', async () => {
    const memory = memoryPorts(rows);
    const { trainBidModel, registerCandidate } = createTrainingActivities(memory.ports);
    const zombie = await train(memory, 1);
    await train(memory, 2);
    await expect(attempt(1).run(trainBidModel, INPUT)).rejects.toMatchObject({ type: 'FENCED_ATTEMPT' });
    const late = { key: 'k', draft: zombie, gates: [], createdBy: 'mia' };
    await expect(attempt(1).run(registerCandidate, late)).rejects.toMatchObject({ type: 'FENCED_ATTEMPT' });
    expect(memory.seen.registered).toEqual([]);
  });

  test('a zombie that lives on while its successor trains is refused its next checkpoint', async () => {
    const memory = memoryPorts(rows);
    let successor: Promise<CandidateDraft> | null = null;
    memory.hooks.beforeKeep = (epoch) => {
      if (epoch === 2) successor ??= train(memory, 2);
    };
    await expect(train(memory, 1)).rejects.toMatchObject({ type: 'FENCED_ATTEMPT' });
    const end = await successor!;
    expect(end.policy.artifact).toEqual((await train(memoryPorts(rows))).policy.artifact);
    expect([...memory.attempts.values()]).toMatchObject([{ attempt: 2, checkpoint: null }]);
  });
});

test('progress says fraction, epoch, pace and time left, and where it was taken up', async () => {
  const many = goodBids(6000);
  const memory = memoryPorts(many);
  const beats: RunProgress[] = [];
  const environment = attempt(1);
  environment.on('heartbeat', (details: RunProgress) => void beats.push(details));
  memory.hooks.beforeKeep = (epoch) => {
    if (epoch === 4) throw new Error('killed');
  };
  const { trainBidModel } = createTrainingActivities(memory.ports);
  await expect(environment.run(trainBidModel, INPUT)).rejects.toThrow('killed');
  expect(beats.length).toBeGreaterThan(5);
  for (const beat of beats.slice(1)) {
    expect(beat).toMatchObject({ agent: 'bid', activity: 'trainBidModel', attempt: 1, epochs: 6, resumedFromEpoch: 0 });
    expect(beat.etaSeconds).toBeGreaterThan(0);
    expect(beat.rowsPerSecond).toBeGreaterThan(0);
  }
  const fractions = beats.map((beat) => beat.fraction);
  expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
  const told = memory.seen.progress.length;
  expect(told).toBeGreaterThan(1);
  expect(told).toBeLessThan(beats.length);
  memory.hooks.beforeKeep = () => undefined;
  const again: RunProgress[] = [];
  const second = attempt(2);
  second.on('heartbeat', (details: RunProgress) => void again.push(details));
  await second.run(trainBidModel, INPUT);
  expect(again[0]).toMatchObject({ attempt: 2, resumedFromEpoch: 3, epoch: 4 });
});

describe('a window that takes long', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  test.each(['freezeWindow', 'winRows'] as const)('is heartbeaten in %s, and no longer than that', async (port) => {
    const memory = memoryPorts(rows);
    const answer: (...args: never[]) => Promise<unknown> = memory.ports[port];
    const slow = (...args: never[]) =>
      new Promise((resolve) => setTimeout(resolve, 42_000)).then(() => answer(...args));
    Object.assign(memory.ports, { [port]: slow });
    const { freezeWindow, validateWindow } = createTrainingActivities(memory.ports);
    let beats = 0;
    const environment = attempt(1);
    environment.on('heartbeat', () => (beats += 1));
    const run =
      port === 'freezeWindow'
        ? environment.run(freezeWindow, { fromMs: 0, toMs: 1 })
        : environment.run(validateWindow, { window: WINDOW, agent: 'bid' as const });
    await jest.advanceTimersByTimeAsync(42_000);
    await run;
    expect(beats).toBe(8);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(beats).toBe(8);
  });
});

describe('the data gate', () => {
  const validate = (bids: typeof rows, change: object = {}) => {
    const memory = memoryPorts(bids);
    const { windowProfile } = memory.ports;
    memory.ports.windowProfile = async (id) => ({ ...(await windowProfile(id)), ...change });
    const input = { window: WINDOW, agent: 'bid' as const };
    return new MockActivityEnvironment({}, { logger }).run(
      createTrainingActivities(memory.ports).validateWindow,
      input,
    );
  };

  test('a good window passes with its report', async () => {
    expect(await validate(rows)).toMatchObject({ rows: 1500, report: { verdict: 'pass', findings: [] } });
  });

  test('all faults travel together: the first as the code, each in the message, the report as details', async () => {
    const leaking = rows.map((row) => ({
      ...row,
      gridMass: null,
      features: Float32Array.from(row.features).fill(row.won ? 1 : 0, 9, 10),
    }));
    const failure = await validate(leaking, { expected: 3000 }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ type: 'ROWS_MISSING', nonRetryable: true });
    for (const part of ['ROWS_MISSING', `LEAKING_FEATURE: feature ${FEATURE_NAMES[9]}`, 'PROPENSITY_MISSING']) {
      expect((failure as Error).message).toContain(part);
    }
    const [report] = (failure as { details: [DataReport] }).details;
    expect(report.findings.map((finding) => finding.code)).toEqual([
      'ROWS_MISSING',
      'LEAKING_FEATURE',
      'PROPENSITY_MISSING',
    ]);
  });
});

describe('the int8 twin', () => {
  /** Draft with its twin, where the twin's sessions are `slowdown` times as slow as the original's by the clock of the test. */
  async function twinOf(slowdown: number) {
    const memory = memoryPorts(rows);
    const draft = await train(memory);
    const original = draft.policy.artifact!.sha256;
    let clockMs = 0;
    memory.ports.elapsedMs = () => clockMs;
    const { openServed } = memory.ports;
    memory.ports.openServed = async (bytes): Promise<OnnxSession> => {
      const session = await openServed(bytes);
      const isTwin = bytes.byteLength !== draft.policy.artifact!.sizeBytes;
      return {
        ...session,
        run: (input, rowCount) => {
          clockMs += isTwin ? slowdown : 1;
          return session.run(input, rowCount);
        },
      };
    };
    const { quantiseTwin, checkParity } = createTrainingActivities(memory.ports);
    const environment = new MockActivityEnvironment({}, { logger });
    const twinned = (await environment.run(quantiseTwin as never, { draft } as never)) as CandidateDraft;
    return {
      draft,
      original,
      twinned,
      parity: await environment.run(checkParity as never, { draft: twinned } as never),
    };
  }

  test('that is not faster is recorded, with why, and the original serves', async () => {
    const { twinned, original, draft } = await twinOf(2);
    expect(twinned.int8).toMatchObject({ shipped: false, originalSha256: original, speedRatio: 0.5 });
    expect(twinned.int8!.reason).toMatch(
      /^not shipped: not faster; loses .* nats per row \(bound 0\.005\), 0\.50 times/,
    );
    expect(twinned.policy).toEqual(draft.policy);
  });

  test('that is faster and loses less than the bound serves under its own golden vectors', async () => {
    const { twinned, original, parity } = await twinOf(0.5);
    expect(twinned.int8).toMatchObject({ shipped: true, speedRatio: 2 });
    expect(twinned.int8!.lossNats).toBeLessThan(0.005);
    expect(twinned.policy.artifact!.sha256).toBe(twinned.int8!.sha256);
    expect(twinned.policy.artifact!.sha256).not.toBe(original);
    expect(twinned.policy.modelVersionId).toMatch(/-int8$/);
    expect(parity).toMatchObject({ passed: true });
  });
});
