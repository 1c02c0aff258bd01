import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '#domain/evaluation';
import { crashRounds } from '../fixtures/crash-rounds';
import { demoSnapshot } from '../fixtures/demo-snapshot';
import { EdgeProcess, waitFor } from '../fixtures/edge-process';
import { EdgeKeys, FakeControlPlane } from '../fixtures/fake-control-plane';
import { temporaryFolder } from '../fixtures/local-edge';
import { figure } from './figure';

const KILLS = Number(process.env['LONG_KILLS'] ?? 100);

/** Case 7: kill -9 in the middle of segments, a hundred times on one home. */
test('no acknowledged notice is lost and none comes twice in a hundred kills', async () => {
  const folder = temporaryFolder('edge-kills');
  const keys = new EdgeKeys(folder);
  const control = new FakeControlPlane(keys);
  await control.start();
  control.publish(demoSnapshot());
  const edge = new EdgeProcess(join(folder, 'edge'), {
    ...keys.env,
    CONTROL_PLANE_URL: control.url,
    // Nothing of a round expires before the next one, and segments are sealed in the middle of a life.
    EDGE_SEAL_AFTER_MS: '150',
  });
  const rng = seededRandom(7);
  try {
    const { acknowledged } = await crashRounds({
      rounds: KILLS,
      edge,
      control,
      lifeMs: () => 100 + Math.floor(rng() * 700),
    });
    const bills = () =>
      control.events().flatMap((event) => (event.type === 'outcome' && event.kind === 'bill' ? [event] : []));
    const missing = (): string[] => {
      const seen = new Set(bills().map((bill) => bill.decisionId));
      return acknowledged.filter((id) => !seen.has(id));
    };
    await waitFor(() => missing().length === 0, 30_000).catch(() => undefined);
    // A segment that is shipped twice has the same id and is taken once; within segments each outcome may stand once.
    const twice = bills().length - new Set(bills().map((bill) => bill.outcomeId)).size;
    figure('edge kills', { kills: KILLS, acknowledged: acknowledged.length, lost: missing().length, twice });
    expect(missing()).toEqual([]);
    expect(twice).toBe(0);
    expect(acknowledged.length).toBeGreaterThan(KILLS * 10);
  } finally {
    await edge.end('SIGKILL');
    await control.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
