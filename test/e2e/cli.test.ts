import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import type { ExperimentEvidence } from '#domain/contracts/experiment';
import { findRoot, temporaryFolder } from '../../scripts/setup';
import { startStack, type Stack } from '../../scripts/stack';
import { servingPlan } from '../../scripts/drills/serving-canary';
import { StoryApi } from '../../scripts/story/story-api';
import { waitFor } from '../../scripts/story/wait-for';
import { tidy } from './drill-folder';

interface Answer {
  code: number;
  out: string;
  err: string;
}

/** Given a running loop; when its users type what they would type; then they get what they need, and the exit codes that scripts rely on. */
describe('the command line against a running loop', () => {
  const folder = temporaryFolder('e2e');
  const home = join(folder, 'home');
  let stack: Stack;
  let candidateId: string;

  const adloop = (...args: string[]): Promise<Answer> =>
    new Promise((resolve) => {
      const main = join(findRoot(), 'dist', 'apps', 'cli', 'src', 'main.js');
      const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, ADLOOP_HOME: home } });
      const answer: Answer = { code: -1, out: '', err: '' };
      child.stdout.setEncoding('utf8').on('data', (text: string) => (answer.out += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (answer.err += text));
      child.once('close', (code) => resolve({ ...answer, code: code ?? -1 }));
    });

  const json = async <T>(...args: string[]): Promise<T> => JSON.parse((await adloop(...args, '-o', 'json')).out) as T;

  const file = (name: string, content: unknown): string => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(content));
    return path;
  };

  /** Nanos billed to the leases of each arm so far. */
  async function spentByArm(): Promise<Record<string, number>> {
    const database = new Client({ connectionString: stack.urls.postgres });
    await database.connect();
    try {
      const { rows } = await database.query<{ arm: string; spent: string }>(
        'SELECT arm, sum(spent_nanos) AS spent FROM budget_grant GROUP BY arm',
      );
      return Object.fromEntries(rows.map(({ arm, spent }) => [arm, Number(spent)]));
    } finally {
      await database.end();
    }
  }

  /** Copies the bills so far to a day that is over, and answers them as an exchange would invoice them. */
  async function billsMovedTo(day: string): Promise<string[]> {
    const database = new Client({ connectionString: stack.urls.postgres });
    await database.connect();
    try {
      const { rows: columns } = await database.query<{ name: string }>(
        `SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'outcome' ORDER BY ordinal_position`,
      );
      const noonMs = `(extract(epoch FROM '${day}T12:00:00Z'::timestamptz) * 1000)::bigint`;
      const moved: Record<string, string> = {
        decision_id: `'old-' || decision_id`,
        at_ms: noonMs,
        decided_at_ms: noonMs,
      };
      await database.query(
        `INSERT INTO outcome SELECT ${columns.map(({ name }) => moved[name] ?? name).join(', ')}
         FROM outcome WHERE kind = 'bill' AND exchange = 'demo' AND NOT is_test`,
      );
      const { rows } = await database.query<{ line: string }>(
        `SELECT concat_ws(',', $1::text, campaign_id, 'USD', count(*), round(sum(price_nanos) / 1e9, 9)) AS line
         FROM outcome WHERE decision_id LIKE 'old-%' GROUP BY campaign_id ORDER BY campaign_id`,
        [day],
      );
      return rows.map(({ line }) => line);
    } finally {
      await database.end();
    }
  }

  beforeAll(async () => {
    mkdirSync(home);
    stack = await startStack({ home, kpiBucketSeconds: 5, simulator: { scenario: 'scenarios/story.json', seed: 6 } });
    const api = new StoryApi(stack);
    await waitFor('traffic', 120, async () => ((await api.status()).decisions >= 4000 ? true : null));
  }, 180_000);
  afterAll(async () => {
    await stack?.stop();
    tidy(folder, []);
  });

  test('status and doctor tell the state in tables; json is complete', async () => {
    const { code, out } = await adloop('status');
    expect(code).toBe(0);
    for (const word of ['champions', 'bid-shipped-', 'edge-1', 'requestsPerSecond', 'simulate'])
      expect(out).toContain(word);
    expect(out).not.toContain('{');
    const status = await json<{ decisions: number; edges: { live: boolean }[] }>('status');
    expect(status.decisions).toBeGreaterThan(1000);
    expect(status.edges).toMatchObject([{ live: true }]);
    const doctor = await adloop('doctor');
    expect(doctor.code).toBe(0);
    for (const word of ['runtime', 'disk', 'clock', 'models']) expect(doctor.out).toContain(word);
  });

  test('ad ops creates a campaign; a wrong one is answered with every fault and where it is', async () => {
    const wrong = await adloop('campaign', 'create', '-f', file('wrong.json', { name: 'x', dailyBudgetMicros: -1 }));
    expect(wrong.code).toBe(2);
    for (const pointer of ['/dailyBudgetMicros', '/goal', '/timeZone']) expect(wrong.err).toContain(pointer);
    const {
      campaignId: _id,
      version: _version,
      ...model
    } = await json<Record<string, unknown>>('campaign', 'show', 'cmp-atlas-rail');
    const made = await json<{ campaignId: string }>(
      'campaign',
      'create',
      '-f',
      file('right.json', { ...model, name: 'By hand' }),
    );
    expect((await adloop('campaign', 'list')).out).toContain('By hand');
    expect((await adloop('campaign', 'show', made.campaignId)).out).toContain('By hand');
    expect((await adloop('campaign', 'show', 'cmp-nobody')).code).toBe(3);
    expect((await adloop('--as', 'vera', 'campaign', 'create', '-f', file('right.json', model))).code).toBe(4);
  });

  test('a bid is explained, a thousand are decided again to the same bytes, a request is tried', async () => {
    const { lastBids } = await json<{ lastBids: { decisionId: string }[] }>('status');
    const explained = await adloop('decision', 'explain', lastBids[0]!.decisionId);
    expect(explained.out).toMatch(/^Bid \d+\.\d\d USD CPM for campaign/);
    for (const agent of ['budget', 'creative', 'bid', 'frequency']) expect(explained.out).toContain(`\n${agent}`);
    const replayed = await adloop('decision', 'replay', '--last', '1000');
    expect(replayed.out).toMatch(/^(\d{4}) of \1 decisions replayed to the same bytes/);
    expect(replayed.code).toBe(0);
    const request = {
      id: 'q',
      imp: [{ id: '1', banner: { format: [{ w: 300, h: 250 }] } }],
      site: { domain: 'news.example' },
    };
    const tried = await adloop('decision', 'try', file('request.json', request));
    expect([tried.code, tried.out]).toEqual([0, expect.stringMatching(/Bid|No bid/)]);
  });

  test('ad ops sets an invoice beside the bills of a day that is over, and books it once', async () => {
    const day = '2026-01-15';
    const invoice = join(folder, 'invoice.csv');
    const lines = await billsMovedTo(day);
    expect(lines.length).toBeGreaterThan(1);
    writeFileSync(invoice, ['day,campaign,currency,impressions,spend', ...lines].join('\n'));
    const asked = ['reconcile', '--exchange', 'demo', '--day', day, '--invoice', invoice, '--tolerance-bps', '0'];
    const matched = await adloop(...asked, '--book');
    expect([matched.code, matched.err]).toEqual([0, '']);
    expect(matched.out).toContain('difference 0.000000 USD');
    const again = await adloop(...asked, '--book');
    expect([again.code, again.err]).toEqual([5, expect.stringContaining('line-booked')]);
    writeFileSync(invoice, ['day,campaign,currency,impressions,spend', ...lines.slice(1)].join('\n'));
    const short = await adloop(...asked);
    expect([short.code, short.out]).toEqual([6, expect.stringContaining('missing')]);
    expect((await adloop('--as', 'vera', ...asked)).code).toBe(4);
  });

  test('the ML lead retrains and sees each gate; a release needs a right plan and a second pair of eyes', async () => {
    const trained = await adloop('train', 'start', '--window', '600', '--wait');
    expect([trained.code, trained.err]).toEqual([0, '']);
    for (const gate of ['parity', 'held-out-likelihood', 'ope', 'simulator'])
      expect(trained.out).toContain(`passed   ${gate}`);
    const run = (await json<{ candidateId: string }[]>('train', 'list'))[0]!;
    candidateId = run.candidateId;
    const faulty = { ...servingPlan(), alpha: 2, metrics: [{ metric: 'foo', role: 'primary' }] };
    const refused = await adloop('release', 'start', '--model', run.candidateId, '--plan', file('faulty.json', faulty));
    expect(refused.code).toBe(2);
    for (const pointer of ['/plan/alpha', '/plan/metrics/0/metric']) expect(refused.err).toContain(pointer);
    const plan = file('plan.json', servingPlan());
    const { rolloutId } = await json<{ rolloutId: string }>(
      'release',
      'start',
      '--model',
      run.candidateId,
      '--plan',
      plan,
    );
    const stateOf = async () =>
      (await json<{ rolloutId: string; state: string }[]>('release', 'list')).find(
        (row) => row.rolloutId === rolloutId,
      )!.state;
    await waitFor('the shadow', 120, async () => ((await stateOf()) === 'awaiting-approval' ? true : null));
    const own = await adloop('--as', 'mila', 'release', 'approve', rolloutId, '--reason', 'my own');
    expect([4, 5]).toContain(own.code);
    expect((await adloop('release', 'approve', rolloutId, '--reason', 'shadow read')).code).toBe(0);
    await waitFor('the canary', 60, async () => ((await stateOf()) === 'canary' ? true : null));
    expect((await adloop('release', 'abort', rolloutId, '--reason', 'enough seen')).code).toBe(0);
    const watched = await adloop('release', 'watch', rolloutId, '--timeout', '60');
    expect([watched.code, watched.err]).toEqual([6, expect.stringContaining('enough seen')]);
  }, 300_000);

  test('the ML lead compares the candidate with the champion on split traffic and budgets, and reads the answer', async () => {
    const plan = {
      ...{ version: 1, name: 'candidate against champion', primary: 'value', horizonSeconds: 60, lookEverySeconds: 5 },
      ...{ bucketSeconds: 5, labelMaturitySeconds: 4, feasibility: 'waived', waiverReason: 'a minute of a demo' },
    };
    const subject = { control: {}, treatment: { versions: { bid: candidateId } } };
    const request = file('experiment.json', { subject, plan });
    const spentBefore = await spentByArm();
    const { code, out, err } = await adloop('experiment', 'start', request, '--wait', '--timeout', '240');
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^ended \((treatment-better|no-difference-shown|control-better)\) · period 0/m);
    const experimentId = /^Started (exp_[0-9a-f]+)/m.exec(out)![1]!;
    const ended = await json<{ shareBps: number; latestEvidence: ExperimentEvidence }>(
      'experiment',
      'get',
      experimentId,
    );
    expect(ended.shareBps).toBe(0);
    const { decisions, readout, srmP } = ended.latestEvidence;
    expect(Math.min(decisions.treatment, decisions.control)).toBeGreaterThan(500);
    expect(Math.min(readout!.events.treatment, readout!.events.control)).toBeGreaterThanOrEqual(100);
    expect(srmP).toBeGreaterThan(1e-6);
    // Each arm paid from leases of its own; that none is overdrawn is the table's own rule.
    const spentAfter = await spentByArm();
    for (const arm of ['champion', 'canary']) expect(spentAfter[arm]).toBeGreaterThan(spentBefore[arm] ?? 0);
  }, 360_000);

  test('on-call rolls back by name; a home in use is neither copied nor replaced nor removed', async () => {
    expect((await adloop('release', 'rollback', '--reason', 'a drill')).code).toBe(0);
    expect((await adloop('backup', join(folder, 'b.tar.gz'))).code).toBe(5);
    expect((await adloop('restore', join(folder, 'b.tar.gz'), '--force')).code).toBe(5);
    expect((await adloop('reset', '--yes')).code).toBe(5);
  });
});
