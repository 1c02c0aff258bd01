import fc from 'fast-check';
import { HISTORY_TTL_MS, userValues, type UserEvent } from '#domain/features';
import { EmbeddedHistories } from './embedded-histories';
import { historyBytes, HistorySets, WAYS } from './history-sets';
import { packHistory, unpackHistory } from './packed-history';
import type { SavedGap, SavedHistory } from './user-histories';

const START_MS = 1_700_000_000_000;
const DAY_MS = 86_400_000;
const key = (number: number): string => number.toString(16).padStart(16, '0');
const exposure = (user: number, atMs: number): UserEvent => ({
  ...{ kind: 'exposure', userKey: key(user), atMs, eventId: `${user}-${atMs}` },
});

/** Events of a few users over some weeks, with jumps of the clock in both directions. */
const steps = fc.array(
  fc.record({
    user: fc.nat(5),
    kind: fc.constantFrom('exposure' as const, 'exposure' as const, 'exposure' as const, 'click' as const),
    gapMs: fc.oneof(fc.nat(3), fc.nat(60_000), fc.nat(DAY_MS), fc.integer({ min: -50, max: 0 })),
  }),
  { maxLength: 200 },
);

interface Life {
  histories: EmbeddedHistories;
  events: UserEvent[];
  nowMs: number;
}

function live(made: { user: number; kind: UserEvent['kind']; gapMs: number }[], histories: EmbeddedHistories): Life {
  const events: UserEvent[] = [];
  let nowMs = START_MS;
  for (const [at, { user, kind, gapMs }] of made.entries()) {
    nowMs += gapMs;
    const event = { kind, userKey: key(user), atMs: nowMs, eventId: `e${at}` };
    histories.note(event);
    events.push(event);
  }
  return { histories, events, nowMs };
}

/** What the definitions say of all that happened. */
function truth(events: readonly UserEvent[], userKey: string, nowMs: number) {
  const of = (kind: UserEvent['kind']): number[] =>
    events.filter((event) => event.kind === kind && event.userKey === userKey).map(({ atMs }) => atMs);
  const [exposures, clicks] = [of('exposure'), of('click')];
  return userValues(exposures, exposures.length, clicks, clicks.length, nowMs);
}

describe('histories in memory', () => {
  it('say of any user at any moment what the definitions say of all events', () => {
    fc.assert(
      fc.property(steps, fc.nat(DAY_MS), (made, laterMs) => {
        const { histories, events, nowMs } = live(made, new EmbeddedHistories(500));
        for (const atMs of [nowMs, nowMs + laterMs])
          for (let user = 0; user < 6; user += 1)
            expect(histories.read(key(user), atMs)).toEqual({
              ...{ state: 'known', scope: 'edge', values: truth(events, key(user), atMs) },
            });
      }),
    );
  });

  it('are the same after a checkpoint, whatever the new size', () => {
    fc.assert(
      fc.property(steps, fc.constantFrom(500, 2000), (made, maxUsers) => {
        const { histories, nowMs } = live(made, new EmbeddedHistories(500));
        const reborn = new EmbeddedHistories(maxUsers);
        for (const saved of histories.dump(nowMs)) reborn.load(thawed(saved));
        for (let user = 0; user < 6; user += 1)
          expect(reborn.read(key(user), nowMs + 1)).toEqual(histories.read(key(user), nowMs + 1));
      }),
    );
  });

  it('are dumped as they were when the dump began, whatever happens until it ends', () => {
    fc.assert(
      fc.property(steps, steps, fc.nat(4), (before, after, atOnce) => {
        const { histories, nowMs } = live(before, new EmbeddedHistories(500));
        const reborn = new EmbeddedHistories(500);
        const dump = histories.dump(nowMs);
        let saved = dump.next();
        const hasBegun = !saved.done;
        let atMs = nowMs;
        const events = after.map(({ user, kind, gapMs }, at): UserEvent => {
          atMs += gapMs;
          return { kind, userKey: key(user), atMs, eventId: `later-${at}` };
        });
        let noted = 0;
        for (; !saved.done; saved = dump.next()) {
          reborn.load(thawed(saved.value));
          for (let n = 0; n < atOnce && noted < events.length; n += 1) histories.note(events[noted++] as UserEvent);
        }
        for (const event of events.slice(noted)) histories.note(event);
        for (const event of events) reborn.restore(event);
        if (hasBegun)
          for (let user = 0; user < 6; user += 1)
            expect(reborn.read(key(user), atMs + 1)).toEqual(histories.read(key(user), atMs + 1));
      }),
    );
  });

  it('forget what happened during a dump that is given up', () => {
    const histories = new EmbeddedHistories(64);
    for (let user = 0; user < 5; user += 1) histories.note(exposure(user, START_MS));
    const dump = histories.dump(START_MS + 2);
    dump.next();
    histories.note(exposure(4, START_MS + 1));
    dump.return(undefined);
    const reborn = new EmbeddedHistories(64);
    for (const saved of histories.dump(START_MS + 2)) reborn.load(thawed(saved));
    expect(reborn.read(key(4), START_MS + 3)).toMatchObject({ values: { exposures7d: 2 } });
  });

  it('know nobody that never came', () => {
    expect(new EmbeddedHistories(16).read(key(7), START_MS)).toMatchObject({
      state: 'known',
      values: { exposures7d: 0 },
    });
  });

  it('give up the user whose last event is the oldest, and say so of it and of strangers until it has passed', () => {
    const histories = new EmbeddedHistories(WAYS);
    for (let user = 0; user <= WAYS; user += 1) histories.note(exposure(user, START_MS + user * 1000));
    const nowMs = START_MS + 60_000;
    expect(histories.evictions).toBe(1);
    expect(histories.size).toBe(WAYS);
    expect(histories.read(key(0), nowMs)).toEqual({ state: 'forgotten', scope: 'edge', values: null });
    expect(histories.read(key(99), nowMs).state).toBe('forgotten');
    expect(histories.read(key(1), nowMs)).toMatchObject({ state: 'known', values: { exposures7d: 1 } });
    // The one that took the place cannot be told from one that came back.
    expect(histories.read(key(WAYS), nowMs).state).toBe('forgotten');
    expect(histories.read(key(0), START_MS + HISTORY_TTL_MS).state).toBe('known');
    expect(histories.read(key(WAYS), START_MS + HISTORY_TTL_MS)).toMatchObject({ values: { exposures7d: 1 } });
  });

  it('still say so after a restart', () => {
    const histories = new EmbeddedHistories(WAYS);
    for (let user = 0; user <= WAYS; user += 1) histories.note(exposure(user, START_MS + user * 1000));
    for (const maxUsers of [WAYS, 4 * WAYS]) {
      const reborn = new EmbeddedHistories(maxUsers);
      for (const saved of histories.dump(START_MS + 60_000)) reborn.load(thawed(saved));
      expect(reborn.read(key(0), START_MS + 60_000).state).toBe('forgotten');
      expect(reborn.read(key(1), START_MS + 60_000).state).toBe('known');
    }
  });

  it('take the place of users whose features have passed without a word', () => {
    const histories = new EmbeddedHistories(WAYS);
    for (let user = 0; user < WAYS; user += 1) histories.note(exposure(user, START_MS));
    histories.note(exposure(99, START_MS + HISTORY_TTL_MS));
    expect(histories.evictions).toBe(0);
    expect(histories.read(key(99), START_MS + HISTORY_TTL_MS + 1)).toMatchObject({ values: { exposures7d: 1 } });
  });

  it('believe the clock of now where an event of far ahead is known', () => {
    const histories = new EmbeddedHistories(16);
    histories.note(exposure(1, START_MS + 365 * DAY_MS));
    histories.note(exposure(1, START_MS));
    expect(histories.read(key(1), START_MS + 1)).toMatchObject({ values: { exposures7d: 1 } });
  });

  it('lie in memory that others see', () => {
    const buffer = new SharedArrayBuffer(historyBytes(64));
    const [mine, theirs] = [new EmbeddedHistories(64, buffer), new EmbeddedHistories(64, buffer)];
    mine.note(exposure(1, START_MS));
    theirs.note(exposure(1, START_MS + 1));
    expect(mine.read(key(1), START_MS + 2)).toMatchObject({ values: { exposures7d: 2 } });
  });

  it('take the lock of a set over from one who died with it', () => {
    const buffer = new SharedArrayBuffer(historyBytes(16));
    new HistorySets(buffer, 16).lock(0);
    const histories = new EmbeddedHistories(16, buffer);
    histories.note(exposure(1, START_MS));
    expect(histories.read(key(1), START_MS + 1)).toMatchObject({ values: { exposures7d: 1 } });
  });
});

/** As it comes back from the journal. */
const thawed = (saved: SavedHistory | SavedGap): SavedHistory | SavedGap =>
  'userKey' in saved ? unpackHistory(packHistory(saved).slice()) : saved;
