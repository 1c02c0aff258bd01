import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KPI_SUMS } from '#domain/contracts';
import { TRAFFIC_TICK_MS } from '#domain/lake/kpi-tables';
import { columnOf } from '../../apps/control-plane/src/lake/kpi-writer';
import { ShippedSeed } from '../../apps/control-plane/src/shipped/shipped-seed';
import { pastPlan } from '../fixtures/past-rollout';
import { temporalAddress } from '../servers';
import { CliRunner } from './cli-runner';
import { ControlPlaneHarness, SHIPPED_DIR } from './control-plane-harness';

/** An API that follows a script: what it answers to each request in turn, or how it breaks. */
class ScriptedApi {
  readonly seen: { method: string; url: string; key: string | undefined }[] = [];
  private server: Server | null = null;
  port = 0;

  constructor(
    private readonly script: (seen: ScriptedApi['seen']) => { status: number; body: unknown } | 'cut' | 'down',
  ) {}

  async listen(): Promise<void> {
    this.server = createServer((request, response) => void this.answer(request, response));
    await new Promise<void>((resolve) => this.server!.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    this.server?.closeAllConnections();
    return new Promise((resolve) => this.server!.close(() => resolve()));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for await (const _chunk of request);
    const { method = '', url = '', headers } = request;
    this.seen.push({ method, url, key: headers['idempotency-key'] as string | undefined });
    const answer = this.script(this.seen);
    if (answer === 'down') {
      request.socket.destroy();
      await this.close();
      setTimeout(() => void this.listen(), 700);
    } else if (answer === 'cut') request.socket.destroy();
    else response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
  }
}

const rollout = (state: string, changes: object = {}) => ({
  status: 200,
  body: {
    rolloutId: 'rol_1',
    state,
    stage: 1,
    shareBps: 2500,
    verdict: 'continue',
    reason: 'because',
    latestEvidence: null,
    ...changes,
  },
});
const started = { status: 202, body: { rolloutId: 'rol_1', workflowId: 'rollout/rol_1' } };

/** Given a pipeline that waits; when the API restarts, answers are lost or the canary is refused; then the exit code says the end. */
describe('release start --wait', () => {
  const run = async (script: ConstructorParameters<typeof ScriptedApi>[0], ...args: string[]) => {
    const api = new ScriptedApi(script);
    await api.listen();
    const before = process.env.ADLOOP_TOKEN;
    process.env.ADLOOP_TOKEN = 'token';
    try {
      const adloop = CliRunner.at(`http://127.0.0.1:${api.port}`, '/nonexistent');
      return { ...(await adloop.run('release', 'start', '--model', 'm', '--wait', ...args)), seen: api.seen };
    } finally {
      if (before === undefined) delete process.env.ADLOOP_TOKEN;
      else process.env.ADLOOP_TOKEN = before;
      await api.close();
    }
  };

  test('survives a restart while it starts and while it waits, starts once, and ends with 0 when promoted', async () => {
    const { code, out, seen } = await run((sofar) => {
      const n = sofar.length;
      if (n === 1) return 'cut'; // The answer is lost: it may or may not have begun.
      if (n === 2) return started;
      if (n === 3) return rollout('canary');
      if (n === 4) return 'down';
      if (n === 5) return { status: 503, body: { code: 'database-unavailable', detail: 'not now' } };
      return rollout('promoted', { shareBps: 0 });
    });
    expect(code).toBe(0);
    const starts = seen.filter(({ method }) => method === 'POST');
    expect(starts).toHaveLength(2);
    expect(starts[0]!.key).toBe(starts[1]!.key);
    expect(out.split('\n').map((line) => line.split(/[·(:]/)[0]!.trim())).toEqual([
      'the control plane does not answer, asking again',
      'the control plane answers again',
      'Started rol_1.',
      'canary',
      'the control plane does not answer, asking again',
      'the control plane answers again',
      'promoted',
      'rol_1 ended promoted. Its report',
      '',
    ]);
  });

  test('says how long the rollout takes, to people in their units and to programs in seconds', async () => {
    const expectedSeconds = { better: 7920, worse: 95.5 };
    const script = ({ length }: { length: number }) =>
      length === 1 ? { ...started, body: { ...started.body, expectedSeconds } } : rollout('promoted');
    const { out } = await run(script);
    expect(out.split('\n')[0]).toBe(
      'Started rol_1. At the traffic of now its canary stages take 2.2 h on average if it is better, 96 s if it is worse; ' +
        'approvals not counted.',
    );
    const lines = (await run(script, '--json')).out.split('\n');
    expect(JSON.parse(lines[0]!)).toMatchObject({ event: 'started', rolloutId: 'rol_1', expectedSeconds });
  });

  test.each(['rolled-back', 'aborted', 'rejected', 'refused', 'superseded'])('ends with 6 when %s', async (state) => {
    const { code, err, out } = await run(({ length }) => (length === 1 ? started : rollout(state)), '--json');
    expect([code, err]).toEqual([6, expect.stringContaining(`rol_1 ended ${state}: because`)]);
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; at: string });
    expect(lines.map(({ event }) => event)).toEqual(['started', 'progress', 'ended']);
    expect(lines.at(-1)).toMatchObject({ rolloutId: 'rol_1', state, reason: 'because', exitCode: 6 });
    for (const { at } of lines) expect(Date.parse(at)).not.toBeNaN();
  });

  test('ends with 6 when the linter refuses, with every fault; with 5 when another rollout holds the cell', async () => {
    const errors = [{ pointer: '/plan/alpha', code: 'INVALID_FIELD', detail: 'too big' }];
    const refused = await run(() => ({ status: 422, body: { code: 'invalid-plan', detail: '1 fault(s)', errors } }));
    expect([refused.code, refused.seen.length]).toEqual([6, 1]);
    expect(refused.err).toContain('/plan/alpha: INVALID_FIELD: too big');
    const busy = await run(() => ({ status: 409, body: { code: 'rollout-in-progress', detail: 'held' } }));
    expect([busy.code, busy.seen.length]).toEqual([5, 1]);
  });

  test('ends with 7 at the timeout: while the rollout runs, and while nobody answers', async () => {
    const slow = await run(({ length }) => (length === 1 ? started : rollout('canary')), '--timeout', '1');
    expect([slow.code, slow.err]).toEqual([7, expect.stringContaining('WAIT_TIMEOUT: rol_1 still runs.')]);
    const dead = await run(() => 'cut', '--timeout', '1');
    expect([dead.code, dead.err]).toEqual([7, expect.stringContaining('CONTROL_PLANE_UNREACHABLE')]);
    expect((await run(() => 'cut', '--timeout', 'soon')).code).toBe(2);
  });
});

/** Given a request whose answer was lost; when it comes again with its key; then it finds the rollout that it began. */
describe('starting a rollout twice', () => {
  let plane: ControlPlaneHarness;
  let modelVersionId: string;

  beforeAll(async () => {
    plane = await ControlPlaneHarness.start({ SHIPPED_DIR, TEMPORAL_ADDRESS: temporalAddress() });
    await plane.app.get(ShippedSeed).seed();
    const ticks = Math.floor(Date.now() / TRAFFIC_TICK_MS) * TRAFFIC_TICK_MS - 6 * TRAFFIC_TICK_MS;
    await plane.database.query(
      `INSERT INTO traffic_tick (cell, tick_ms, ${KPI_SUMS.map(columnOf).join()}) VALUES ('default', $1, ${KPI_SUMS.map(() => '1').join()})`,
      [ticks],
    );
    // A variance needs thirty user buckets with a request.
    await plane.database.query(
      `INSERT INTO kpi_rollup (cell, rollout_id, stage, arm, bucket_ms, user_bucket, ${KPI_SUMS.map(columnOf).join()})
        SELECT 'default', '', -1, 'champion', $1, bucket, ${KPI_SUMS.map(() => '1').join()} FROM generate_series(0, 39) bucket`,
      [ticks],
    );
    const { body } = await plane.call<{ items: { modelVersionId: string }[] }>('GET', '/api/v1/models?agent=bid');
    modelVersionId = body.items[0]!.modelVersionId;
  });
  afterAll(() => plane.stop());

  const plan = (name: string) => ({ ...pastPlan({ feasibility: 'waived', waiverReason: 'a test' }), name });
  const start = (key: string, name = 'once', as = 'mila') =>
    plane.call<{ rolloutId: string; code?: string }>('POST', '/api/v1/rollouts', {
      as,
      headers: { 'idempotency-key': key },
      body: { agent: 'bid', modelVersionId, plan: plan(name), whenBusy: 'queue' },
    });

  test('the same key begins one rollout, also at once; another plan under it is refused', async () => {
    const answers = await Promise.all([start('k1'), start('k1'), start('k1')]);
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(new Set(answers.map(({ body }) => body.rolloutId)).size).toBe(1);
    expect((await start('k1')).body.rolloutId).toBe(answers[0]!.body.rolloutId);
    expect(await start('k1', 'another')).toMatchObject({ status: 422, body: { code: 'idempotency-key-reused' } });
    expect((await start('k2')).body.rolloutId).not.toBe(answers[0]!.body.rolloutId);
    expect((await start('k1', 'once', 'root')).body.rolloutId).not.toBe(answers[0]!.body.rolloutId);
  });

  test('a key whose rollout has ended answers it and starts nothing', async () => {
    const { rolloutId } = (await start('k3')).body;
    await plane.database.query(`UPDATE rollout SET state = 'aborted', ended_at = now() WHERE rollout_id = $1`, [
      rolloutId,
    ]);
    expect(await start('k3')).toMatchObject({ status: 202, body: { rolloutId } });
    const { body } = await plane.call<{ state: string }>('GET', `/api/v1/rollouts/${rolloutId}`);
    expect(body.state).toBe('aborted');
  });

  test('the answer says how long the canary stages of a feasible plan take; a waived plan is not walked', async () => {
    const ask = (key: string, asked: object) =>
      plane.call<{ expectedSeconds: { better: number; worse: number } | null }>('POST', '/api/v1/rollouts', {
        as: 'mila',
        headers: { 'idempotency-key': key },
        body: { agent: 'bid', modelVersionId, plan: asked, whenBusy: 'queue' },
      });
    const walked = pastPlan({ expectedPrimaryPerSecond: 5000 });
    const { status, body } = await ask('k4', walked);
    expect([status, body]).toEqual([202, expect.anything()]);
    const longestSeconds = walked.stages.reduce((sum, { maxSeconds }) => sum + maxSeconds, 0);
    expect(body.expectedSeconds!.better).toBeGreaterThan(body.expectedSeconds!.worse);
    expect(body.expectedSeconds!.better).toBeLessThan(longestSeconds);
    expect(body.expectedSeconds!.worse).toBeGreaterThan(0);
    // Nothing is walked again for a rollout that has begun.
    expect((await ask('k4', walked)).body).toEqual({ ...body, expectedSeconds: null });
    expect((await ask('k5', plan('waived'))).body.expectedSeconds).toBeNull();
  });
});
