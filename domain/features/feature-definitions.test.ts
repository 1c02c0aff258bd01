import { hashText } from '../random';
import { EXPOSURE_WINDOWS, HISTORY_TTL_MS, USER_FEATURES } from './feature-definitions';
import { CONTEXT_FEATURES, DEVICE_FEATURES } from './request-features';
import { userValues } from './user-history';

const ALL = [...USER_FEATURES, ...DEVICE_FEATURES, ...CONTEXT_FEATURES];

describe('feature definitions', () => {
  it('name every value of a user, in the order in which it is computed', () => {
    expect(USER_FEATURES.map(({ name }) => name)).toEqual(Object.keys(userValues([], 0, [], 0, 0)));
  });

  it('have one meaning a name', () => {
    expect(new Set(ALL.map(({ name }) => name)).size).toBe(ALL.length);
    for (const { entity, privacy } of ALL) expect(privacy === 'profile').toBe(entity === 'user');
  });

  it('do not change unseen: what was logged under a name is trained on under it', () => {
    const text = ALL.map(({ name, entity, type, unit, source, ttlMs }) => [name, entity, type, unit, source, ttlMs]);
    expect(hashText(JSON.stringify(text)).toString(16)).toMatchInlineSnapshot(`"1611d58f"`);
  });

  it('keep no history for longer than the widest window', () => {
    const widths = EXPOSURE_WINDOWS.map(({ windowMs }) => windowMs);
    expect(widths).toEqual([...widths].sort((a, b) => a - b));
    expect(Math.max(...USER_FEATURES.map(({ ttlMs }) => ttlMs ?? 0))).toBe(HISTORY_TTL_MS);
    expect(widths.at(-1)).toBe(HISTORY_TTL_MS);
  });
});
