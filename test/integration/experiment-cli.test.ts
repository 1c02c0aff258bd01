import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExperimentRecord } from '../../apps/control-plane/src/experiments/experiment.repository';
import type { ExperimentView } from '../../workflows/experiment/messages';
import { CliRunner } from './cli-runner';
import { RolloutWorld } from './rollout-world';

const PLAN = {
  ...{ version: 1, name: 'cli', primary: 'value', guardrails: [{ metric: 'roi' }] },
  ...{ horizonSeconds: 600, lookEverySeconds: 1, bucketSeconds: 1, labelMaturitySeconds: 0 },
  ...{ feasibility: 'waived', waiverReason: 'a test without traffic' },
};

/** Every verb of `adloop experiment`, against the real control plane, worker and Temporal. */
describe('adloop experiment', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'adloop-experiment-'));
  let world: RolloutWorld;
  let adloop: CliRunner;
  let candidate: string;

  beforeAll(async () => {
    world = await RolloutWorld.start(['edge-1']);
    adloop = await CliRunner.over(world.plane);
    candidate = await world.candidate('frequency');
    await world.startWorker();
  }, 120_000);
  afterAll(async () => {
    await (world as RolloutWorld | undefined)?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function requestFile(plan: object, versions: object = { frequency: candidate }): string {
    const file = path.join(folder, 'request.json');
    writeFileSync(
      file,
      JSON.stringify({ subject: { control: {}, treatment: { versions } }, plan: { ...PLAN, ...plan } }),
    );
    return file;
  }
  const start = async (plan: object = {}): Promise<string> =>
    (await adloop.json<{ experimentId: string }>('experiment', 'start', requestFile(plan), '-o', 'json')).experimentId;
  const get = (experimentId: string) => adloop.json<ExperimentRecord>('experiment', 'get', experimentId, '-o', 'json');
  async function until(experimentId: string, wanted: (experiment: ExperimentRecord) => boolean) {
    for (let tries = 0; tries < 300; tries += 1) {
      const experiment = await get(experimentId);
      if (wanted(experiment)) return experiment;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`never reached: ${JSON.stringify(await get(experimentId))}`);
  }
  const command = (verb: string, experimentId: string) =>
    adloop.json<ExperimentView>('experiment', verb, experimentId, '--reason', `${verb} by test`, '-o', 'json');

  test('start lists every fault of a request and registers nothing', async () => {
    const faulty = await adloop.run('experiment', 'start', requestFile({ primary: 'latencyMsP99' }, { bid: 'nobody' }));
    expect(faulty.code).toBe(2);
    expect(faulty.err).toMatch(/\/plan\/primary/);
    const unknown = await adloop.run('experiment', 'start', requestFile({}, { bid: 'nobody' }));
    expect(unknown.code).toBe(2);
    expect(unknown.err).toMatch(/there is no model version nobody/);
    expect((await adloop.run('experiment', 'start', path.join(folder, 'absent.json'))).code).not.toBe(0);
    expect((await adloop.run('experiment', 'list')).out).toBe('(none)\n');
  });

  test('start, get, list, pause, resume, watch, abort: as an operator types them', async () => {
    const started = await adloop.run('experiment', 'start', requestFile({}));
    expect(started).toMatchObject({ code: 0, err: '' });
    const [, experimentId, digest] = /^Started (exp_\S+), registered as ([0-9a-f]{64})\.$/m.exec(started.out)!;
    expect(started.out).toContain(`adloop experiment watch ${experimentId}`);
    const running = await until(experimentId, ({ state, look }) => state === 'running' && look >= 1);
    expect(running).toMatchObject({ planDigest: digest, shareBps: 5000, requestedBy: expect.any(String) as string });
    const table = await adloop.run('experiment', 'list');
    expect(table.out).toMatch(new RegExp(`^${experimentId} +running +- +0 `, 'm'));

    const busy = await adloop.run('experiment', 'start', requestFile({}));
    expect(busy.code).toBe(5);
    expect(busy.err).toContain(experimentId);
    expect((await adloop.run('experiment', 'abort', experimentId)).code).toBe(2);
    const viewer = await adloop.run('--as', 'viewer', 'experiment', 'abort', experimentId, '--reason', 'x');
    expect(viewer.code).toBe(4);
    expect((await adloop.run('experiment', 'resume', experimentId, '--reason', 'too early')).code).toBe(5);

    await command('pause', experimentId);
    expect(await until(experimentId, ({ state }) => state === 'paused')).toMatchObject({
      ...{ shareBps: 0, waitingFor: 'resume', reason: expect.stringMatching(/pause by test/) as string },
    });
    expect((await adloop.run('experiment', 'watch', experimentId, '--timeout', '0')).code).toBe(7);
    await command('resume', experimentId);
    await until(experimentId, ({ state, period }) => state === 'running' && period === 1);

    const watching = adloop.run('experiment', 'watch', experimentId);
    // In the same process: the command goes past the watched output, by the API.
    const body = { reason: 'enough seen' };
    const aborted = await world.plane.call('POST', `/api/v1/experiments/${experimentId}/abort`, { as: 'oscar', body });
    expect(aborted.status).toBe(200);
    const watched = await watching;
    expect(watched.code).toBe(6);
    expect(watched.err).toMatch(/EXPERIMENT_WITHOUT_ANSWER/);
    expect(watched.out).toMatch(/^ended \(aborted\) · period/m);
    expect(await get(experimentId)).toMatchObject({ state: 'ended', result: 'aborted', shareBps: 0 });
    expect((await adloop.run('experiment', 'abort', experimentId, '--reason', 'again')).code).toBe(5);
    expect((await adloop.run('experiment', 'get', 'exp_none')).code).toBe(3);
  }, 120_000);

  test('abort by its own verb; start --wait ends with 6 when there is no answer, and prints the experiment', async () => {
    const first = await start();
    await until(first, ({ state }) => state === 'running');
    await command('abort', first);
    expect(await until(first, ({ state }) => state === 'ended')).toMatchObject({ result: 'aborted' });
    // The slot is given back a moment after the end is written.
    const isClaimed = `SELECT 1 FROM experiment WHERE experiment_id = $1 AND claimed`;
    while ((await world.plane.database.query<unknown[]>(isClaimed, [first])).length > 0)
      await new Promise((resolve) => setTimeout(resolve, 50));
    const waited = await adloop.run('experiment', 'start', requestFile({ horizonSeconds: 4 }), '--wait', '-o', 'json');
    expect(waited.code).toBe(6);
    expect(JSON.parse(waited.out)).toMatchObject({ state: 'ended', result: 'invalid-no-data', shareBps: 0 });
  }, 120_000);
});
