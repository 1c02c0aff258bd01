import { crc32 } from 'node:zlib';
import { decodeFrames } from '#domain/contracts';
import { GroupCommit, type EventClass } from './group-commit';

/** A commit over memory whose disk can be told to refuse, and whose fill can be set. */
function scene(everyMs = 1) {
  const disk = { fill: 0, isDue: false, refuse: false, events: 0, states: 0, commits: 0 };
  const shed: EventClass[] = [];
  const segments = {
    get fill() {
      return disk.fill;
    },
    get isDue() {
      return disk.isDue;
    },
    append: (frames: Uint8Array) => {
      if (disk.refuse) return Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }));
      disk.events += decodeFrames(frames, crc32).bodies.length;
      disk.commits += 1;
      return Promise.resolve();
    },
    seal: () => Promise.resolve(),
  };
  const journal = {
    append: (frames: Uint8Array) => {
      if (disk.refuse) return Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }));
      disk.states += decodeFrames(frames, crc32).bodies.length;
      return Promise.resolve();
    },
  };
  const faults: unknown[] = [];
  const commit = new GroupCommit(
    { segments, journal },
    {
      everyMs,
      maxPendingBytes: 10_000,
      onShed: (kind) => void shed.push(kind),
      onFault: (error) => void faults.push(error),
      onRecovered: () => undefined,
    },
  );
  return { disk, commit, shed, faults };
}

describe('GroupCommit', () => {
  it('takes everything queued meanwhile to the disk in one commit', async () => {
    const { disk, commit } = scene(10);
    for (let n = 0; n < 50; n += 1) commit.appendEvent('outcome', '{}');
    commit.appendState('{}');
    await Promise.all([commit.durable(), commit.durable()]);
    expect(disk).toMatchObject({ events: 50, states: 1, commits: 1 });
  });

  it('does not acknowledge what the disk refused, stops bids, and opens again when it can write', async () => {
    const { disk, commit, faults, shed } = scene();
    disk.refuse = true;
    commit.appendEvent('outcome', '{}');
    await expect(commit.durable()).rejects.toThrow('full');
    expect(commit.isOpen).toBe(false);
    expect(faults.length).toBe(1);
    expect(commit.appendEvent('bid', '{}')).toBe(false);
    expect(shed).toEqual(['bid']);
    disk.refuse = false;
    commit.tick();
    await commit.durable();
    expect(commit.isOpen).toBe(true);
  });

  it.each([
    [0.65, ['no-bid', 'shadow']],
    [0.85, ['no-bid', 'shadow', 'bid']],
  ] as const)('at %p of the bound sheds %p and never outcomes', (fill, kinds) => {
    const { disk, commit, shed } = scene();
    disk.fill = fill;
    for (const kind of ['no-bid', 'shadow', 'bid', 'outcome'] as const) commit.appendEvent(kind, '{}');
    expect(shed).toEqual(kinds);
    expect(commit.isOpen).toBe(true);
  });

  it('stops bidding before the disk is full', () => {
    const { disk, commit } = scene();
    disk.fill = 0.9;
    expect(commit.isOpen).toBe(false);
    expect(commit.appendEvent('outcome', '{}')).toBe(true);
  });

  it('bounds what waits in memory', () => {
    const { commit, shed } = scene(50);
    for (let n = 0; n < 30; n += 1) commit.appendEvent('bid', 'x'.repeat(1000));
    expect(shed.length).toBeGreaterThan(15);
    expect(commit.pendingBytes).toBeLessThan(12_000);
  });
});
