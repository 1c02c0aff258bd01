import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome } from '#domain/contracts';
import { crashRounds, GRANT_NANOS } from '../fixtures/crash-rounds';
import { demoSnapshot } from '../fixtures/demo-snapshot';
import { EdgeProcess, waitFor } from '../fixtures/edge-process';
import { ask, bannerRequest, grantsFor, notify } from '../fixtures/edge-traffic';
import { EdgeKeys, FakeControlPlane } from '../fixtures/fake-control-plane';
import { temporaryFolder } from '../fixtures/local-edge';

const ROUNDS = 6;

describe('an edge killed with -9 in mid-stream', () => {
  const folder = temporaryFolder('edge-crash');
  const keys = new EdgeKeys(folder);
  const control = new FakeControlPlane(keys);
  const snapshot = demoSnapshot();
  let edge: EdgeProcess;

  beforeAll(async () => {
    await control.start();
    control.publish(snapshot);
    edge = new EdgeProcess(join(folder, 'edge'), {
      ...keys.env,
      CONTROL_PLANE_URL: control.url,
      EDGE_SEAL_AFTER_MS: '200',
    });
  });
  afterAll(async () => {
    await edge.end('SIGKILL');
    await control.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const bills = (): Outcome[] =>
    control.events().flatMap((event) => (event.type === 'outcome' && event.kind === 'bill' ? [event] : []));

  it('loses no acknowledged notice, counts none twice, and never spends a grant twice', async () => {
    const lifeMs = (round: number): number => 250 + 90 * round;
    const { acknowledged: known, unpaid } = await crashRounds({ rounds: ROUNDS, edge, control, lifeMs });
    expect(known.length).toBeGreaterThan(50);
    await waitFor(() => {
      const seen = new Set(bills().map((bill) => bill.decisionId));
      return known.every((id) => seen.has(id));
    });
    const ids = new Set(bills().map((bill) => bill.outcomeId));
    for (const id of known) expect(ids.has(`${id}:bill`)).toBe(true);

    // A repetition of an acknowledged notice is known across the crash; a bill that is still owed is taken once.
    const owed = unpaid.at(-1) ?? '';
    expect(await (await notify(owed, { price: 0.01 })).json()).toEqual({ status: 'accepted' });
    expect(await (await notify(owed, { price: 0.01 })).json()).toEqual({ status: 'duplicate' });

    for (const report of control.heartbeats.at(-1)?.grants ?? []) {
      const { reservedNanos, spentNanos, freeNanos, returnedNanos } = report;
      expect(reservedNanos + spentNanos + freeNanos + returnedNanos).toBe(GRANT_NANOS);
      expect(freeNanos).toBe(0);
    }
  });

  it('holds what the dead process may still owe: no bid from its open leases', async () => {
    expect(await ask(edge.url, bannerRequest('later'))).toBeNull();
    const last = control.heartbeats.at(-1)?.grants ?? [];
    expect(last.reduce((sum, grant) => sum + grant.reservedNanos, 0)).toBeGreaterThan(0);
  });

  it('stops in order on SIGTERM within 3 s and returns its leases', async () => {
    control.grants = grantsFor(snapshot, GRANT_NANOS).map((grant) => ({ ...grant, grantId: `${grant.grantId}-last` }));
    await waitFor(async () => (await ask(edge.url, bannerRequest('open'))) !== null);
    const { code, ms } = await edge.end('SIGTERM');
    expect(code).toBe(0);
    expect(ms).toBeLessThan(3000);
    const last = control.heartbeats.at(-1)?.grants.filter((grant) => grant.grantId.endsWith('-last')) ?? [];
    expect(last.length).toBeGreaterThan(0);
    for (const grant of last) expect(grant.freeNanos).toBe(0);
    expect(last.reduce((sum, grant) => sum + grant.returnedNanos, 0)).toBeGreaterThan(0);
  });
});
