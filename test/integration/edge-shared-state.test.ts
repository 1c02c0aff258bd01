import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { BudgetLedger, FrequencyCounts, openSharedMemory, tablesOf } from '../../apps/bidder-edge/src/state';

const STATE = join(__dirname, '..', '..', 'dist', 'apps', 'bidder-edge', 'src', 'state');
const HAMMER = join(__dirname, '..', 'fixtures', 'hammer.cjs');
const THREADS = 4;
const USERS = Array.from({ length: 40 }, (_, n) => n.toString(16).padStart(16, '0'));
const CAP = 5;
const PRICE = 7;
const AMOUNT = 100_003;

interface Taken {
  held: [user: string, count: number][];
  reserved: number;
  mostSeen: number;
}

const hammer = (workerData: object): Promise<Taken> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(HAMMER, { workerData: { dist: STATE, ...workerData } });
    worker.once('message', resolve);
    worker.once('error', reject);
  });

test('four threads on the same users and the same grant never take more than there is, and lose nothing', async () => {
  const memory = openSharedMemory(10_000, THREADS, 16);
  const { rows, budgetLock, caps, countLock } = tablesOf(memory);
  const ledger = new BudgetLedger(rows, budgetLock);
  const counts = new FrequencyCounts(10_000, caps, countLock);
  ledger.add({
    ...{ grantId: 'g', campaignId: 'c', arm: 'champion', day: '2026-11-29', amountNanos: AMOUNT, outageNanos: 0 },
    ...{ expiresAtMs: 1000, dayPlanNanos: AMOUNT, daySpentNanos: 0 },
  });
  const [account] = ledger.opened();
  const work = { memory, account, users: USERS, rounds: 3000, cap: CAP, priceNanos: PRICE };
  const running = Array.from({ length: THREADS }, () => hammer(work));
  // The books are looked at meanwhile, as the heartbeat does.
  let looks = 0;
  const looking = setInterval(() => {
    ledger.assertBalanced();
    looks += 1;
  }, 1);
  const taken = await Promise.all(running);
  clearInterval(looking);

  expect(looks).toBeGreaterThan(10);
  for (const { mostSeen } of taken) expect(mostSeen).toBeLessThanOrEqual(CAP);
  for (const user of USERS) {
    const held = taken.reduce((sum, { held: of }) => sum + (of.find(([one]) => one === user)?.[1] ?? 0), 0);
    expect(counts.count('campaign:c:60', user, 0)).toBe(held);
    expect(held).toBeLessThanOrEqual(CAP);
  }
  const reserved = taken.reduce((sum, one) => sum + one.reserved, 0) * PRICE;
  const [report] = ledger.reports();
  expect(report).toMatchObject({ reservedNanos: reserved, freeNanos: AMOUNT - reserved, spentNanos: 0 });
});
