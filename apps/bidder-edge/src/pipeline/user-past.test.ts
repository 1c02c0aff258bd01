import type { PreparedRequest } from '#domain/coordination';
import type { UserHistories } from '../histories';
import { EmbeddedHistories } from '../histories';
import { readPast } from './user-past';

const USER = 'ab'.repeat(8);
const NOW_MS = 1_700_000_000_000;

const prepared = (over: { userKey?: string | null; profile?: boolean; rowCount?: number } = {}): PreparedRequest =>
  ({
    request: { userKey: over.userKey === undefined ? USER : over.userKey, consent: { profile: over.profile ?? true } },
    context: { nowMs: NOW_MS },
    rowCount: over.rowCount ?? 1,
  }) as unknown as PreparedRequest;

describe("a user's past", () => {
  const histories = new EmbeddedHistories(16);
  histories.note({ kind: 'exposure', userKey: USER, atMs: NOW_MS - 5000, eventId: 'd' });

  it('is read at once where it is kept in this process', () => {
    expect(readPast(histories, prepared(), 50)).toMatchObject({ state: 'known', values: { exposures10m: 1 } });
  });

  it.each([
    ['without a user', { userKey: null }],
    ['without consent to a profile', { profile: false }],
  ])('is not read %s', (_name, over) => {
    expect(readPast(histories, prepared(over), 50)).toEqual({ state: 'not-allowed', scope: 'edge', values: null });
  });

  it('is not asked for where nobody would bid', () => {
    expect(readPast(histories, prepared({ rowCount: 0 }), 50)).toMatchObject({ state: 'not-asked', values: null });
  });

  it('is not waited for where the answer could come too late', () => {
    const slow: UserHistories = {
      ...{ scope: 'fleet', limitMs: 2, restore: () => undefined, load: () => undefined, dump: () => [] },
      ...{ note: () => undefined, gauges: () => [], start: () => undefined, stop: () => Promise.resolve() },
      read: () => Promise.reject(new Error('must not be asked')),
    };
    expect(readPast(slow, prepared(), 2)).toEqual({ state: 'late', scope: 'fleet', values: null });
  });
});
