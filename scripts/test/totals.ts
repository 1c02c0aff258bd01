/** The part of Jest's JSON report that we read. */
export interface JestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  numRuntimeErrorTestSuites: number;
  testResults: { name: string; assertionResults: { fullName: string; status: string }[] }[];
}

export interface Counts {
  name: string;
  passed: number;
  failed: number;
  skipped: number;
  seconds: number;
  skippedNames: string[];
}

/** Counts one rung. A suite that could not run, or a Jest that died, is a failure: silence is never a pass. */
export function countRung(name: string, report: JestReport | null, exitCode: number, seconds: number): Counts {
  if (!report) return { name, passed: 0, failed: 1, skipped: 0, seconds, skippedNames: [] };
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  const skippedNames = report.testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'pending' || status === 'todo').map(({ fullName }) => fullName),
  );
  return {
    name,
    passed: report.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
    seconds,
    skippedNames: skippedNames.map((test) => `${name}: ${test}`),
  };
}

export function addUp(all: readonly Counts[]): Counts {
  const sum = (pick: (counts: Counts) => number): number => all.reduce((total, counts) => total + pick(counts), 0);
  return {
    name: 'all',
    passed: sum((c) => c.passed),
    failed: sum((c) => c.failed),
    skipped: sum((c) => c.skipped),
    seconds: sum((c) => c.seconds),
    skippedNames: all.flatMap((c) => c.skippedNames),
  };
}

/** `N passed, N failed`, with `, N skipped` only if any. */
export function lastLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
