import { canonicalJson } from './canonical-json';
import { firstDifference } from './first-difference';

test('names the first differing field in key order as a JSON pointer', () => {
  const logged = { b: [1, { c: 2 }], a: 'x', 'p/q': 1 };
  expect(firstDifference(logged, { ...logged })).toBeNull();
  expect(firstDifference(logged, { ...logged, b: [1, { c: 3 }] })).toEqual({
    pointer: '/b/1/c',
    logged: 2,
    replayed: 3,
  });
  expect(firstDifference(logged, { ...logged, 'p/q': 2, a: 'y' })?.pointer).toBe('/a');
  expect(firstDifference(logged, { ...logged, 'p/q': 2 })?.pointer).toBe('/p~1q');
  expect(firstDifference({ a: [1] }, { a: [1, 2] })).toEqual({ pointer: '/a/1', logged: undefined, replayed: 2 });
});

test('canonical JSON sorts keys at every depth, drops undefined and refuses NaN', () => {
  expect(canonicalJson({ b: 1, a: [{ d: null, c: undefined }] })).toBe('{"a":[{"d":null}],"b":1}');
  expect(() => canonicalJson({ a: NaN })).toThrow('NaN');
});
