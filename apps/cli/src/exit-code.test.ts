import { EXIT, exitCodeOf } from './exit-code';

test.each([
  [404, EXIT.notFound],
  [401, EXIT.denied],
  [403, EXIT.denied],
  [409, EXIT.conflict],
  [412, EXIT.conflict],
  [422, EXIT.usage],
  [500, EXIT.failed],
])('HTTP %i ends with exit code %i', (status, code) => {
  expect(exitCodeOf(status)).toBe(code);
});
