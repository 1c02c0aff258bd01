import { addUp, countRung, lastLine, type JestReport } from './totals';

const report = (more: Partial<JestReport>): JestReport => ({
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  numRuntimeErrorTestSuites: 0,
  testResults: [],
  ...more,
});

describe('totals of npm test', () => {
  test('the last line names skipped tests only when there are any', () => {
    const clean = countRung('unit', report({ numPassedTests: 3 }), 0, 1);
    const skipped = countRung('oracle', report({ numPassedTests: 2, numPendingTests: 1 }), 0, 1);
    expect(lastLine(addUp([clean]))).toBe('3 passed, 0 failed');
    expect(lastLine(addUp([clean, skipped]))).toBe('5 passed, 0 failed, 1 skipped');
  });

  test('a suite that could not run, a Jest that died and a bad exit code are failures', () => {
    expect(countRung('e2e', report({ numRuntimeErrorTestSuites: 1 }), 1, 1).failed).toBe(1);
    expect(countRung('e2e', null, 1, 1).failed).toBe(1);
    expect(countRung('e2e', report({ numPassedTests: 4 }), 1, 1).failed).toBe(1);
    expect(countRung('e2e', report({ numFailedTests: 2, numPassedTests: 4 }), 1, 1).failed).toBe(2);
  });
});
