import { WriteBacklog } from './write-backlog';

/** A backlog over a store that can refuse, or be slow. */
function scene(maxWaiting = 100) {
  const stored: number[] = [];
  const counts = { written: 0, dropped: 0, failed: 0 };
  const store = { refuses: false, hold: Promise.resolve() };
  const backlog = new WriteBacklog<number>({
    ...{ maxWaiting, batch: 3, retryMs: 1 },
    write: async (batch) => {
      await store.hold;
      if (store.refuses) throw new Error('away');
      stored.push(...batch);
    },
    onWritten: (count) => void (counts.written += count),
    onDropped: (count) => void (counts.dropped += count),
    onFailed: () => void (counts.failed += 1),
  });
  return { backlog, stored, counts, store };
}

describe('WriteBacklog', () => {
  it('writes in order, in batches, what was added', async () => {
    const { backlog, stored, counts } = scene();
    for (let n = 0; n < 10; n += 1) backlog.add(n);
    await backlog.flush(1000);
    expect(stored).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(counts).toEqual({ written: 10, dropped: 0, failed: 0 });
    backlog.add(10);
    await backlog.flush(1000);
    expect(stored.at(-1)).toBe(10);
  });

  it('tries a batch again until it is taken', async () => {
    const { backlog, stored, counts, store } = scene();
    store.refuses = true;
    backlog.add(1);
    while (counts.failed < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    store.refuses = false;
    backlog.add(2);
    await backlog.flush(1000);
    expect(stored).toEqual([1, 2]);
    expect(counts).toMatchObject({ written: 2, dropped: 0 });
  });

  it('gives up the oldest when it is full, and nothing that is on its way twice', async () => {
    const { backlog, stored, counts, store } = scene(5);
    let release = (): void => undefined;
    store.hold = new Promise((resolve) => (release = resolve));
    for (let n = 0; n < 9; n += 1) backlog.add(n);
    expect(backlog.length).toBe(5);
    release();
    await backlog.flush(1000);
    // The first three were on their way already.
    expect([...new Set(stored)]).toEqual(stored);
    expect(stored.slice(-5)).toEqual([4, 5, 6, 7, 8]);
    expect(counts.dropped).toBe(4);
    expect(backlog.length).toBe(0);
  });

  it('ends with what is written in time; the rest counts as dropped', async () => {
    const { backlog, counts, store } = scene();
    store.refuses = true;
    backlog.add(1);
    await backlog.close(5);
    backlog.add(2);
    expect(counts).toMatchObject({ written: 0, dropped: 2 });
    expect(backlog.length).toBe(0);
  });
});
