import fc from 'fast-check';
import { EXPOSURE_WINDOWS, HISTORY_TTL_MS, MOST_CLICKS, MOST_EXPOSURES } from './feature-definitions';
import { profileKey, userValues } from './user-history';

const NOW_MS = 1_700_000_000_000;
const valuesAt = (exposures: number[], clicks: number[] = []) =>
  userValues(exposures, exposures.length, clicks, clicks.length, NOW_MS);
/** Times around now, many of them at the borders of windows. */
const times = fc.array(
  fc.oneof(
    fc.integer({ min: -2000, max: HISTORY_TTL_MS + 2000 }),
    fc.constantFrom(...EXPOSURE_WINDOWS.flatMap(({ windowMs }) => [windowMs - 1, windowMs, windowMs + 1]), -1, 0, 1),
  ),
  { maxLength: 60 },
);
const timesMs = times.map((ages) => ages.map((ageMs) => NOW_MS - ageMs));

describe("a user's features", () => {
  it('are zero and no time where nothing happened', () => {
    expect(valuesAt([])).toEqual({
      ...{ exposures10m: 0, exposures1h: 0, exposures6h: 0, exposures24h: 0, exposures3d: 0, exposures7d: 0 },
      ...{ secondsSinceExposure: null, clicksSinceExposure: 0, clicks7d: 0 },
    });
  });

  it('count what is younger than each window, and nothing of now', () => {
    fc.assert(
      fc.property(timesMs, timesMs, (exposures, clicks) => {
        const values = valuesAt(exposures, clicks);
        const past = exposures.filter((atMs) => atMs < NOW_MS && NOW_MS - atMs < HISTORY_TTL_MS);
        for (const { name, windowMs } of EXPOSURE_WINDOWS) {
          const inWindow = past.filter((atMs) => NOW_MS - atMs < windowMs).length;
          expect(values[name]).toBe(Math.min(MOST_EXPOSURES, inWindow));
        }
        const pastClicks = clicks.filter((atMs) => atMs < NOW_MS && NOW_MS - atMs < HISTORY_TTL_MS);
        const last = past.length === 0 ? null : Math.max(...past);
        expect(values.secondsSinceExposure).toBe(last === null ? null : Math.floor((NOW_MS - last) / 1000));
        const since = last === null ? 0 : pastClicks.filter((atMs) => atMs >= last).length;
        expect(values.clicksSinceExposure).toBe(Math.min(MOST_CLICKS, since));
        expect(values.clicks7d).toBe(Math.min(MOST_CLICKS, pastClicks.length));
      }),
    );
  });

  it('read no further than they are told', () => {
    expect(userValues([NOW_MS - 5, NOW_MS - 4], 1, [NOW_MS - 1], 0, NOW_MS)).toMatchObject({
      ...{ exposures10m: 1, secondsSinceExposure: 0, clicks7d: 0 },
    });
  });

  it('are of nobody without a user key or consent to profiles', () => {
    expect(profileKey({ userKey: 'u', consent: { profile: true } })).toBe('u');
    expect(profileKey({ userKey: 'u' })).toBe('u');
    expect(profileKey({ userKey: 'u', consent: { profile: false } })).toBeNull();
    expect(profileKey({ userKey: null, consent: { profile: true } })).toBeNull();
  });
});
