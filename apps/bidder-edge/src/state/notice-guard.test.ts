import fc from 'fast-check';
import { NoticeGuard } from './notice-guard';

describe('NoticeGuard', () => {
  it('lets each kind of notice of a decision through once', () => {
    const guard = new NoticeGuard(10);
    expect(guard.take('d', 'win', 1)).toBe('first');
    expect(guard.take('d', 'bill', 1)).toBe('first');
    expect(guard.take('d', 'win', 1)).toBe('repeated');
    guard.giveBack('d', 'win');
    expect(guard.take('d', 'win', 1)).toBe('first');
  });

  it('refuses what it cannot remember instead of counting it twice', () => {
    const guard = new NoticeGuard(2);
    for (let i = 1; i <= 3; i++) expect(guard.take(`d${i}`, 'bill', i)).toBe('first');
    expect(guard.take('d1', 'bill', 1)).toBe('forgotten');
    expect(guard.take('d3', 'bill', 3)).toBe('repeated');
  });

  it('still knows that it forgot, when a clock is set back or a checkpoint is read', () => {
    const guard = new NoticeGuard(10);
    expect(guard.take('d1', 'bill', 1000)).toBe('first');
    guard.expire(5000);
    expect(guard.size).toBe(0);
    expect(guard.take('d1', 'bill', 1000)).toBe('forgotten');
    const reborn = new NoticeGuard(10);
    reborn.loadForgotten(guard.forgottenUpTo);
    expect(reborn.take('d1', 'bill', 1000)).toBe('forgotten');
    expect(reborn.take('d2', 'bill', 1001)).toBe('first');
  });

  it('never says first twice for the same notice, however small it is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 200 }),
        fc.integer({ min: 1, max: 8 }),
        (ids, size) => {
          const guard = new NoticeGuard(size);
          const counted = new Set<number>();
          for (const id of ids) {
            if (guard.take(`d${id}`, 'bill', id) !== 'first') continue;
            expect(counted.has(id)).toBe(false);
            counted.add(id);
          }
        },
      ),
    );
  });
});
