import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { turnsDuring } from '../fixtures/turns';
import { Journal, type JournalEntry } from '../../apps/bidder-edge/src/state/journal';

const USERS = 20_000;

/** Pasts of so many users; `at` is told as each is taken. */
function* pasts(at: (user: number) => void): Generator<JournalEntry> {
  for (let user = 0; user < USERS; user += 1) {
    at(user);
    const userKey = user.toString(16).padStart(16, '0');
    yield { kind: 'history', saved: { userKey, exposuresMs: [1000, 2000], clicksMs: [], forgottenUpToMs: -1 } };
  }
}

const day = (campaignId: string): JournalEntry => ({ kind: 'day', campaignId, day: '2026-11-29', nanos: 1 });
const namesOf = (entries: readonly JournalEntry[]): string[] =>
  entries.flatMap((entry) => (entry.kind === 'day' ? [entry.campaignId] : []));

describe('the state journal of an edge', () => {
  let home: string;
  let journal: Journal;

  beforeEach(async () => {
    home = mkdtempSync(path.join(tmpdir(), 'adloop-journal-'));
    journal = new Journal(home, 1 << 20);
    await journal.compact([day('first')]);
  });
  afterEach(async () => {
    await journal.close();
    rmSync(home, { recursive: true, force: true });
  });

  /** What the next life would read. */
  const reread = (): JournalEntry[] => [...new Journal(home, 1 << 20).load()];

  test('begins anew in turns: whatever waits for the loop goes on', async () => {
    let taken = 0;
    const all = pasts((user) => (taken = user));
    const turns = await turnsDuring(() => journal.compact([day('second')], all));
    expect(taken).toBe(USERS - 1);
    // 32 KiB between two turns, and a past here is some 35 bytes.
    expect(turns).toBeGreaterThan(15);
    const entries = reread();
    expect(namesOf(entries)).toEqual(['second']);
    expect(entries.filter(({ kind }) => kind === 'history')).toHaveLength(USERS);
  });

  test('takes the first past in the moment of all other state', async () => {
    const taken: number[] = [];
    const compaction = journal.compact(
      [day('second')],
      pasts((user) => taken.push(user)),
    );
    expect(taken).toEqual([0]);
    await compaction;
  });

  test('stays as it was where a dump fails half way, and the next one has nothing of it', async () => {
    const failing = journal.compact(
      [day('half')],
      pasts((user) => {
        if (user === USERS / 2) throw new Error('the disk is gone');
      }),
    );
    await expect(failing).rejects.toThrow('the disk is gone');
    expect(namesOf([...journal.load()])).toEqual(['first']);
    await journal.compact([day('third')]);
    expect(namesOf(reread())).toEqual(['third']);
    expect(readdirSync(path.join(home, 'state'))).toHaveLength(1);
  });
});
