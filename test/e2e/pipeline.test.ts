import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FINAL_ROLLOUT_STATES } from '#domain/contracts';
import { encodeWinModelOnnx, type WinModel } from '#domain/learning';
import { findRoot, temporaryFolder } from '../../scripts/setup';
import { startStack, type Stack } from '../../scripts/stack';
import { bidArtifact, bidChampion } from '../../scripts/story/artifacts';
import { StoryApi, type Rollout } from '../../scripts/story/story-api';
import { StoryError, waitFor } from '../../scripts/story/wait-for';
import { tidy } from './drill-folder';

/** Shell lines of each `run: |` of the sample pipeline, by the step's name. */
function shellSteps(): Map<string, string> {
  const lines = readFileSync(join(findRoot(), 'docs', 'pipeline', 'release-model.yml'), 'utf8').split('\n');
  const steps = new Map<string, string>();
  let name = '';
  for (let at = 0; at < lines.length; at++) {
    name = /^ {6}- name: (.+)$/.exec(lines[at]!)?.[1] ?? name;
    if (!/^ {8}run: \|$/.test(lines[at]!)) continue;
    const body: string[] = [];
    while (/^ {10}/.test(lines[at + 1] ?? '')) body.push(lines[++at]!.slice(10));
    steps.set(name, body.join('\n'));
  }
  return steps;
}

const canary = (shareBps: number, approval: boolean) => ({
  ...{ kind: 'canary', shareBps, holdSeconds: 5, minPrimaryEvents: 100, minDecisions: 500, maxSeconds: 400, approval },
});
/** Two short canaries, the first with an approval, and a margin that a minute of demo traffic can prove. */
const plan = (changes: object = {}) => ({
  ...{ version: 1, name: 'pipeline', alpha: 0.05, bucketSeconds: 5, lookEverySeconds: 5, labelMaturitySeconds: 4 },
  ...{ decisionDeadlineSeconds: 600, approvalTimeoutSeconds: 300, feasibility: 'waived', waiverReason: 'a test' },
  designEffect: { better: 0, worse: -0.9 },
  stages: [canary(3000, true), canary(5000, false)],
  metrics: [{ metric: 'value', role: 'primary', margin: 0.45, prove: true }],
  ...changes,
});

interface Run {
  code: number;
  out: string;
  err: string;
}

/** Given a running loop; when the sample pipeline's own lines run; then its exit code says what became of the candidate. */
describe('the sample pipeline', () => {
  const folder = temporaryFolder('e2e');
  const home = join(folder, 'home');
  const steps = shellSteps();
  let stack: Stack;
  let api: StoryApi;
  let shipped: WinModel;

  /** Runs one step in a working folder as a CI runner does. */
  const step = (name: string, work: string, env: Record<string, string> = {}): Promise<Run> => {
    mkdirSync(work, { recursive: true });
    const script = steps.get(name);
    if (script === undefined) throw new Error(`no step ${name}; there are ${[...steps.keys()].join(', ')}`);
    const adloop = `${process.execPath} ${join(findRoot(), 'dist', 'apps', 'cli', 'src', 'main.js')}`;
    const pipeline = { ADLOOP: adloop, PLAN_FILE: 'release-plan.json', WINDOW_SECONDS: '600', TIMEOUT_SECONDS: '480' };
    const access = {
      ADLOOP_API: stack.urls.controlPlane,
      ADLOOP_TOKEN: stack.token('mila'),
      ADLOOP_HOME: '/nonexistent',
    };
    const child = spawn('bash', ['-c', script], { cwd: work, env: { ...process.env, ...pipeline, ...access, ...env } });
    const run: Run = { code: -1, out: '', err: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (run.out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (run.err += text));
    return new Promise((resolve) => child.once('close', (code) => resolve({ ...run, code: code ?? -1 })));
  };
  const CANDIDATE = 'Candidate, through the gates';
  const RELEASE = 'Roll out, and wait for the end';
  const work = (name: string): string => join(folder, name);
  const planIn = (name: string, content: object): void => {
    mkdirSync(work(name), { recursive: true });
    writeFileSync(join(work(name), 'release-plan.json'), JSON.stringify(content));
  };
  const events = (out: string) =>
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const newest = async (): Promise<Rollout> => (await api.get<{ items: Rollout[] }>('/rollouts')).items[0]!;
  const atApproval = () =>
    waitFor('the approval', 360, async () => {
      const rollout = await newest();
      // One that was stopped will never ask: better its reason now than a silence later. A promoted one is the test before.
      if (rollout.state !== 'promoted' && FINAL_ROLLOUT_STATES.includes(rollout.state))
        throw new StoryError(`the rollout is ${rollout.state}: ${rollout.reason}`);
      return rollout.state === 'awaiting-approval' ? rollout : null;
    });

  beforeAll(async () => {
    mkdirSync(home);
    stack = await startStack({ home, kpiBucketSeconds: 5, simulator: { scenario: 'scenarios/story.json', seed: 6 } });
    api = new StoryApi(stack);
    shipped = (await bidArtifact(api, home, await bidChampion(api))).model;
    await waitFor('traffic', 180, async () => ((await api.status()).decisions >= 4000 ? true : null));
  }, 300_000);
  afterAll(async () => {
    await stack?.stop();
    tidy(folder, []);
  });

  test('has the steps that the document explains, and no other tool than bash, node and adloop', () => {
    expect([...steps.keys()]).toEqual([CANDIDATE, RELEASE, 'Report']);
    for (const script of steps.values()) expect(script).not.toMatch(/\b(jq|curl|python|npx)\b/);
  });

  test('a trained candidate is promoted through a restart of the control plane: exit code 0, and a report', async () => {
    const good = work('good');
    planIn('good', plan());
    expect(await step(CANDIDATE, good)).toMatchObject({ code: 0, err: '' });
    const candidate = readFileSync(join(good, 'candidate.txt'), 'utf8').trim();
    expect(candidate).toMatch(/^bid-/);
    const released = step(RELEASE, good);
    await waitFor('the canary', 120, async () => ((await newest()).state === 'canary' ? true : null));
    await stack.killPart('control-plane');
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await stack.start('control-plane');
    const { rolloutId } = await atApproval();
    await waitFor('an approval', 60, () =>
      api.post('alice', `/rollouts/${rolloutId}/approvals`, { reason: 'evidence read' }),
    );
    const { code, out, err } = await released;
    expect([code, err]).toEqual([0, '']);
    const told = events(out);
    expect(told[0]).toMatchObject({ event: 'started', rolloutId, modelVersionId: candidate });
    expect(told.map(({ event }) => event)).toEqual(expect.arrayContaining(['outage', 'recovered']));
    expect(told.at(-1)).toMatchObject({ event: 'ended', state: 'promoted', exitCode: 0 });
    expect(await step('Report', good)).toMatchObject({ code: 0 });
    const report = JSON.parse(readFileSync(join(good, 'report.json'), 'utf8')) as {
      looks: { isSealed: boolean }[];
      shares: { canaryBps: number }[];
      forecasts: { source: string; outcome: string }[];
    };
    expect(report.looks.length).toBeGreaterThan(1);
    expect(report.looks.every(({ isSealed }) => isSealed)).toBe(true);
    expect(report.shares.map(({ canaryBps }) => canaryBps)).toEqual(expect.arrayContaining([3000, 5000, 0]));
    // The off-policy gate forecasts too when the champion's log says enough of the candidate.
    expect(report.forecasts.map(({ source }) => source)).toContain('simulator');
    expect(report.forecasts.every(({ outcome }) => outcome === 'scored')).toBe(true);
    expect(readFileSync(join(good, 'report.html'), 'utf8')).toContain('<svg');
    const now = await api.get<{
      items: { agent: string; modelVersionId: string; approvals: { approver: string }[] }[];
    }>('/models/production');
    expect(now.items.find(({ agent }) => agent === 'bid')).toMatchObject({
      modelVersionId: candidate,
      approvals: [{ approver: 'alice' }],
    });
    const rejudged = await fetch(`${stack.urls.controlPlane}/api/v1/rejudge`, {
      method: 'POST',
      headers: { authorization: `Bearer ${stack.token('mila')}`, 'content-type': 'application/json' },
      body: '{}',
    });
    expect(await rejudged.json()).toMatchObject({ rollouts: 1, flips: 0, unjudged: 0, altered: 0 });
  }, 600_000);

  test('a person who rejects, and a plan that the linter refuses, end it with 6; the report then is of what there was', async () => {
    const good = readFileSync(join(work('good'), 'candidate.txt'), 'utf8');
    for (const name of ['rejected', 'linted']) {
      planIn(name, name === 'linted' ? plan({ alpha: 2, metrics: [{ metric: 'foo', role: 'primary' }] }) : plan());
      writeFileSync(join(work(name), 'candidate.txt'), good);
    }
    const linted = await step(RELEASE, work('linted'));
    expect(linted.code).toBe(6);
    for (const pointer of ['/plan/alpha', '/plan/metrics/0/metric']) expect(linted.err).toContain(pointer);
    expect(await step('Report', work('linted'))).toMatchObject({ code: 0, out: 'no rollout was started\n' });
    const released = step(RELEASE, work('rejected'));
    const { rolloutId } = await atApproval();
    await api.post('alice', `/rollouts/${rolloutId}/reject`, { reason: 'bids look odd' });
    const { code, out } = await released;
    expect([code, events(out).at(-1)]).toEqual([6, expect.objectContaining({ event: 'ended', state: 'rejected' })]);
    expect(await step('Report', work('rejected'))).toMatchObject({ code: 0 });
  }, 600_000);

  test('a model from elsewhere that the market punishes is refused by a gate with 6, a broken one at the door with 2', async () => {
    const cheap = { ...shipped, b3: Float64Array.from(shipped.b3) };
    cheap.b3[0] = cheap.b3[0]! - 1.5;
    mkdirSync(work('foreign'), { recursive: true });
    writeFileSync(join(work('foreign'), 'model.onnx'), encodeWinModelOnnx(cheap));
    const refused = await step(CANDIDATE, work('foreign'), { MODEL_FILE: 'model.onnx' });
    expect([refused.code, refused.err]).toEqual([6, expect.stringContaining('GATE_REFUSED')]);
    expect(existsSync(join(work('foreign'), 'candidate.txt'))).toBe(false);
    writeFileSync(join(work('foreign'), 'model.onnx'), 'no model');
    const broken = await step(CANDIDATE, work('foreign'), { MODEL_FILE: 'model.onnx' });
    expect([broken.code, broken.err]).toEqual([2, expect.stringContaining('ONNX_UNREADABLE')]);
  }, 600_000);
});
