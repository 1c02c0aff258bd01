import fc from 'fast-check';
import { attribute, attributionSchema, isWithinWindow } from './attribution';

const DAY_MS = 86_400_000;
const windows = attributionSchema.parse(undefined);
const seen = { decidedAtMs: 1000, clickedAtMs: null, hasClick: false };

describe('attribute', () => {
  it('counts thirty days after a click and one after a view when the campaign says nothing', () => {
    expect(windows).toEqual({ clickMinutes: 30 * 1440, viewMinutes: 1440 });
  });

  it.each([
    ['the last millisecond after the click', { ...seen, clickedAtMs: 5000 }, 5000 + 30 * DAY_MS, 'click', true],
    ['one more', { ...seen, clickedAtMs: 5000 }, 5001 + 30 * DAY_MS, 'click', false],
    ['a click of unknown time, from the decision on', { ...seen, hasClick: true }, 1000 + 30 * DAY_MS, 'click', true],
    ['the last millisecond after the view', seen, 1000 + DAY_MS, 'view', true],
    ['one more', seen, 1001 + DAY_MS, 'view', false],
    ['an edge whose clock runs behind', { ...seen, clickedAtMs: 5000 }, 10, 'click', true],
  ] as const)('%s', (_what, touches, atMs, touch, isWithin) => {
    expect(attribute(touches, windows, atMs)).toMatchObject({ touch, isWithin });
  });

  it('never counts a conversion without a click where views do not count', () => {
    const none = { ...windows, viewMinutes: 0 };
    expect(attribute(seen, none, 1000)).toMatchObject({ touch: 'view', isWithin: false });
    expect(attribute({ ...seen, hasClick: true }, none, 1000)).toMatchObject({ touch: 'click', isWithin: true });
  });

  it('lets the longer window of views count for somebody who clicked', () => {
    const short = { clickMinutes: 1, viewMinutes: 60 };
    expect(attribute({ ...seen, clickedAtMs: 2000 }, short, 1_000_000)).toMatchObject({
      touch: 'view',
      isWithin: true,
    });
  });

  it('is what the lake finds again from what it says, and later is never better', () => {
    const time = fc.integer({ min: 0, max: 200 * DAY_MS });
    const known = fc.record({ decidedAtMs: time, clickedAtMs: fc.option(time), hasClick: fc.boolean() });
    const set = fc.record({ clickMinutes: fc.integer({ min: 1, max: 129_600 }), viewMinutes: fc.nat(43_200) });
    fc.assert(
      fc.property(known, set, time, time, (touches, own, atMs, laterMs) => {
        const found = attribute(touches, own, atMs);
        expect(isWithinWindow(found, atMs)).toBe(found.isWithin);
        if (!found.isWithin) expect(attribute(touches, own, atMs + laterMs).isWithin).toBe(false);
      }),
    );
  });
});
