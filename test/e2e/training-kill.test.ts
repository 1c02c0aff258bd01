import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EdgeEvent } from '#domain/contracts/segment';
import { encodeFrame } from '../fixtures/encode-frame';
import { sampleEvents } from '#domain/lake/sample-events';
import { temporaryFolder } from '../../scripts/setup';
import { startStack, type Stack } from '../../scripts/stack';
import { tidy } from './drill-folder';

interface Run {
  step: string;
  code: string | null;
  candidateId: string | null;
  view: { reason: string };
  progress: {
    bid?: { activity: string; attempt: number; epoch: number; resumedFromEpoch: number; etaSeconds: number };
  };
}

/** Repeatable draws in [0, 1). */
function draws(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

/**
 * Given two trainings on the same bids with the same seed; when the worker of one is killed with -9 in its middle; then both end in the
 * same artifact, and the second attempt has gone on from the first one's checkpoint.
 */
describe('a training whose worker is killed with -9', () => {
  const folder = temporaryFolder('e2e');
  let stack: Stack;
  let faults: string[] | undefined;
  const token = (file: string) => readFileSync(file, 'utf8').trim();

  beforeAll(async () => {
    stack = await startStack({
      home: folder,
      parts: ['postgres', 'temporal', 'control-plane', 'worker'],
      kpiBucketSeconds: 5,
    });
    await shipEvents();
  }, 300_000);
  afterAll(async () => {
    await stack?.stop();
    tidy(folder, faults);
  });

  /** Bids of the last minutes, through the door that edges use. */
  async function shipEvents(): Promise<void> {
    const startMs = Date.now() - 420_000;
    const all = [...sampleEvents({ startMs, requestsPerSecond: 40, rng: draws(3) }, 14_000)];
    const events = all.flatMap(({ decision, outcomes }): EdgeEvent[] => [decision, ...outcomes]);
    for (let at = 0; at < events.length; at += 4000) {
      const frames = events.slice(at, at + 4000).map((event) => encodeFrame(Buffer.from(JSON.stringify(event)), crc32));
      const bytes = Buffer.concat(frames);
      const response = await fetch(`${stack.urls.controlPlane}/edge/v1/segments/edge-1/s-${at}`, {
        method: 'PUT',
        headers: {
          authorization: `Bearer ${token(stack.keys.edgeTokenFile)}`,
          'content-type': 'application/octet-stream',
          'x-content-sha256': createHash('sha256').update(bytes).digest('hex'),
        },
        body: bytes,
      });
      expect([response.status, response.ok ? '' : await response.text()]).toEqual([response.status, '']);
    }
  }

  async function api<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { token: mila } = stack.keys.tokens.find((user) => user.name === 'mila')!;
    const response = await fetch(`${stack.urls.controlPlane}/api/v1${path}`, {
      method,
      headers: {
        ...{ authorization: `Bearer ${mila}`, 'content-type': 'application/json' },
        ...(method === 'POST' ? { 'idempotency-key': `${path}-${Date.now()}` } : {}),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }

  const start = async (): Promise<string> => {
    const hyper = { epochs: 60, patience: 60 };
    const body = { agent: 'bid', windowSeconds: 3600, seed: 7, hyper };
    return (await api<{ workflowId: string }>('POST', '/training', body)).workflowId;
  };
  const read = (workflowId: string) => api<Run>('GET', `/training/${encodeURIComponent(workflowId)}`);
  async function until(workflowId: string, isSo: (run: Run) => boolean, seconds: number): Promise<Run> {
    for (let n = 0; n < seconds * 5; n += 1) {
      const run = await read(workflowId).catch(() => null);
      if (run !== null && isSo(run)) return run;
      if (run?.step === 'failed') throw new Error(`${run.code}: ${run.view.reason}`);
      await sleep(200);
    }
    throw new Error(`${workflowId} was waited for in vain: ${JSON.stringify(await read(workflowId))}`);
  }
  const checkpoints = () => readdirSync(join(folder, 'checkpoints')).filter((name) => name.endsWith('.ckpt'));
  /** Digests of all stored artifacts: the file is named by its content. */
  const artifacts = () => readdirSync(join(folder, 'artifacts')).sort();
  /** Past its training; the gates, which judge the market for minutes, are not waited for. */
  async function trained(workflowId: string): Promise<void> {
    await until(workflowId, (run) => run.step.startsWith('gate') || run.step === 'checking-parity', 300);
    await api('POST', `/training/${encodeURIComponent(workflowId)}/cancel`, { reason: 'its artifact is there' });
  }

  test('is taken up from its checkpoint by the next worker and ends in the artifact of an undisturbed one', async () => {
    const shipped = artifacts();
    const killed = await start();
    const before = await until(killed, (run) => (run.progress.bid?.epoch ?? 0) >= 5, 180);
    expect(before.progress.bid).toMatchObject({ activity: 'trainBidModel', attempt: 1 });
    expect(checkpoints()).toHaveLength(1);
    const oldPid = stack.pid('worker');
    await stack.killPart('worker');
    expect(existsSync(`/proc/${oldPid}`)).toBe(false);
    await stack.start('worker');
    const taken = await until(killed, (run) => (run.progress.bid?.attempt ?? 1) > 1, 180);
    expect(taken.progress.bid!.resumedFromEpoch).toBeGreaterThanOrEqual(5);
    await trained(killed);
    const made = artifacts();
    // Original and int8 twin, beside what was shipped.
    expect(made.length).toBe(shipped.length + 2);
    expect(checkpoints()).toEqual([]);
    await trained(await start());
    expect(artifacts()).toEqual(made);
    faults = [];
  }, 900_000);
});
