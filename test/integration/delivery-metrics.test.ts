import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { registerSearchAttributes } from '../../apps/control-plane/src/temporal/search-attribute-registration';
import { installRuntime, WorkerHost } from '../../apps/control-plane/src/temporal/worker-host';
import { freePorts } from '../../scripts/setup';
import { CONTROL_QUEUE } from '../../workflows/workflow-ids';
import { temporalAddress } from '../servers';
import { ControlPlaneHarness } from './control-plane-harness';

/** Value of one line of Prometheus' text format; the series is name and labels as written. */
function valueOf(text: string, series: string): number | null {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? null : Number(line.slice(series.length + 1));
}

describe('metrics of delivery', () => {
  let plane: ControlPlaneHarness;
  beforeAll(async () => {
    plane = await ControlPlaneHarness.start();
  });
  afterAll(() => plane.stop());

  const scrape = async () => (await plane.call<string>('GET', '/metrics')).body;
  const sql = (text: string, values: unknown[] = []) => plane.database.query(text, values);

  test('a fresh control plane has nothing open and nothing that waits', async () => {
    const text = await scrape();
    expect(text).toContain('# TYPE adloop_rollouts_open gauge');
    expect(text).not.toContain('adloop_rollouts_open{');
    expect(valueOf(text, 'adloop_oldest_unacknowledged_snapshot_seconds')).toBe(0);
  });

  test('open rollouts by state, looks by verdict, time to safe, open experiments', async () => {
    const rollout = (id: string, state: string, view: object | null = null) =>
      sql(
        `INSERT INTO rollout (rollout_id, fleet, cell, agent, candidate_id, plan, requested_by, state, view)
         VALUES ($1, 'demo', 'default', 'frequency', 'c', '{}', 'mia', $2, $3)`,
        [id, state, view === null ? null : JSON.stringify(view)],
      );
    await rollout('r1', 'canary');
    await rollout('r2', 'canary');
    await rollout('r3', 'shadow');
    await rollout('r4', 'rolled-back', { safe: { timeToSafeMs: 1500 } });
    await rollout('r5', 'promoted', { safe: null });
    for (const [n, verdict] of ['continue', 'continue', 'inferior'].entries())
      await sql(
        `INSERT INTO look (rollout_id, stage, look, at, verdict, digest, evidence) VALUES ('r4', 0, $1, now(), $2, 'd', '{}')`,
        [n + 1, verdict],
      );
    await sql(
      `INSERT INTO experiment (experiment_id, fleet, cell, subject, plan, plan_digest, requested_by, state)
       VALUES ('e1', 'demo', 'default', '{}', '{}', repeat('0', 64), 'mia', 'running')`,
    );
    const text = await scrape();
    expect(valueOf(text, 'adloop_rollouts_open{state="canary"}')).toBe(2);
    expect(valueOf(text, 'adloop_rollouts_open{state="shadow"}')).toBe(1);
    expect(text).not.toMatch(/adloop_rollouts_open\{state="(rolled-back|promoted)"\}/);
    expect(valueOf(text, 'adloop_looks{verdict="continue"}')).toBe(2);
    expect(valueOf(text, 'adloop_looks{verdict="inferior"}')).toBe(1);
    expect(valueOf(text, 'adloop_experiments_open{state="running"}')).toBe(1);
    expect(valueOf(text, 'adloop_time_to_safe_seconds_count{what="rollout"}')).toBe(1);
    expect(valueOf(text, 'adloop_time_to_safe_seconds_sum{what="rollout"}')).toBe(1.5);
    expect(valueOf(text, 'adloop_time_to_safe_seconds_bucket{le="1",what="rollout"}')).toBe(0);
    expect(valueOf(text, 'adloop_time_to_safe_seconds_bucket{le="2",what="rollout"}')).toBe(1);
    // Asked twice, it counts once; what has ended is gone.
    await sql(`UPDATE rollout SET state = 'promoted' WHERE state = 'canary'`);
    const again = await scrape();
    expect(valueOf(again, 'adloop_time_to_safe_seconds_count{what="rollout"}')).toBe(1);
    expect(again).not.toContain('adloop_rollouts_open{state="canary"}');
  });

  test('the oldest snapshot that a live edge does not serve; a dead edge holds nothing up', async () => {
    const snapshot = (version: number, agoSeconds: number) =>
      sql(
        `INSERT INTO snapshot (version, snapshot_id, fleet, cell, reason, content_sha256, payload, key_id, signature, published_at)
         VALUES ($1, $2, 'demo', 'default', 'test', repeat('0', 64), '{}', 'k', 's', now() - make_interval(secs => $3))`,
        [version, `snp_${version}`, agoSeconds],
      );
    const edge = (id: string, version: number, agoSeconds: number) =>
      sql(
        `INSERT INTO edge (edge_id, fleet, boot_id, first_seen_at, last_seen_at, booted_at, snapshot_version, kill_level, quarantined_agents,
           counters, outbox_bytes)
         VALUES ($1, 'demo', 'b', now() - interval '1 day', now() - make_interval(secs => $3), now(), $2, 'none', '{}', '{}', 0)
         ON CONFLICT (edge_id) DO UPDATE SET snapshot_version = $2`,
        [id, version, agoSeconds],
      );
    for (const [version, ago] of [
      [1, 900],
      [2, 600],
      [3, 300],
    ] as const)
      await snapshot(version, ago);
    await edge('dead', 1, 3600);
    await edge('fresh', 3, 0);
    await edge('late', 1, 0);
    const age = async () => valueOf(await scrape(), 'adloop_oldest_unacknowledged_snapshot_seconds')!;
    expect(Math.abs((await age()) - 600)).toBeLessThan(60);
    await edge('late', 2, 0);
    expect(Math.abs((await age()) - 300)).toBeLessThan(60);
    await edge('late', 3, 0);
    expect(await age()).toBe(0);
  });
});

describe('metrics of the worker', () => {
  test('the SDK tells of workers, workflow tasks and activities on the configured address', async () => {
    const [port] = (await freePorts(1)) as [number];
    installRuntime(`127.0.0.1:${port}`);
    const namespace = `metrics-${randomBytes(4).toString('hex')}`;
    const connection = await Connection.connect({ address: temporalAddress() });
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: msToTs('1 day'),
    });
    await untilDone(() => registerSearchAttributes(connection, namespace));
    const host = await WorkerHost.create({
      address: temporalAddress(),
      namespace,
      stickyQueueMs: 500,
      codeSha: 'metrics-test',
      queues: [CONTROL_QUEUE],
      control: { startTraining: () => Promise.resolve({ workflowId: 'retrain/demo/1' }) },
      training: {},
    });
    host.start(() => undefined);
    try {
      const input = { fleet: 'demo', cell: 'default', agents: ['bid'], kind: 'daily', windowSeconds: 3600 };
      const handle = await new Client({ connection, namespace }).workflow.start('retrainTick', {
        ...{ workflowId: 'tick/1', taskQueue: CONTROL_QUEUE, args: [input] },
      });
      await handle.result();
      const { events } = await handle.fetchHistory();
      const tasks = (events ?? []).flatMap((event) => event.workflowTaskCompletedEventAttributes ?? []);
      expect(tasks.length).toBeGreaterThan(0);
      for (const task of tasks)
        expect(task).toMatchObject({ workerDeploymentName: 'adloop', workerVersion: { buildId: 'metrics-test' } });
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      for (const name of [
        'temporal_worker_start',
        'temporal_workflow_completed',
        'temporal_activity_execution_latency',
      ])
        expect(text).toContain(name);
      expect(text).toMatch(/temporal_workflow_completed\{[^}]*workflow_type="retrainTick"[^}]*\} 1/);
    } finally {
      await host.stop();
      await connection.close();
    }
  });
});

/** A namespace that was just made is not known everywhere at once. */
async function untilDone(work: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await work();
      return;
    } catch (error) {
      if (tries >= 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
