import { EvaluateFault } from './evaluate-fault';
import { casesOf, readOracleFile, type OracleCase } from './oracle-file';
import { ORACLE_GROUPS, type OracleGroup, type OracleNumbers } from './oracle-groups';

/** Largest relative error at which a number counts as the oracle's. */
export const ORACLE_TOLERANCE = 1e-9;
/** Expected zeros are compared absolutely, far below any number that a test may find. */
const SMALLEST = 1e-300;

export interface OracleCaseReport {
  computed: OracleNumbers;
  expected: OracleNumbers;
  /** The case's largest. */
  relativeError: number;
}

export interface OracleGroupReport {
  title: string;
  n: number;
  maxRelativeError: number;
  passed: boolean;
  cases: OracleCaseReport[];
}

/** What `evaluate oracles --json` prints; keys are stable. */
export interface OracleDocument {
  file: string;
  tolerance: number;
  passed: boolean;
  groups: Record<string, OracleGroupReport>;
  /** Groups of the file that the product does not use. */
  skipped: string[];
  /** Groups that the product uses and the file does not have. */
  missing: string[];
}

/** Recomputes every group of the file that the product uses. @throws EvaluateFault also when it has none of them */
export function evaluateOracles(path: string): OracleDocument {
  const oracle = readOracleFile(path);
  const names = Object.keys(oracle.groups);
  const used = ORACLE_GROUPS.filter((group) => names.includes(group.name));
  if (used.length === 0) {
    const wanted = ORACLE_GROUPS.map((group) => group.name).join(', ');
    const has = names.slice(0, 12).join(', ') || 'nothing';
    throw new EvaluateFault(
      'NOT_AN_ORACLE',
      2,
      `${oracle.file} has none of the groups that the product uses`,
      `it has ${has}`,
      `give a file with one of ${wanted}`,
    );
  }
  const groups = Object.fromEntries(used.map((group) => [group.name, groupReport(group, casesOf(oracle, group.name))]));
  return {
    file: oracle.file,
    tolerance: ORACLE_TOLERANCE,
    passed: Object.values(groups).every((group) => group.passed),
    groups,
    skipped: names.filter((name) => !Object.hasOwn(groups, name)),
    missing: ORACLE_GROUPS.map((group) => group.name).filter((name) => !names.includes(name)),
  };
}

function groupReport(group: OracleGroup, cases: readonly OracleCase[]): OracleGroupReport {
  const reports = cases.map((given): OracleCaseReport => {
    const expected = group.expected(given);
    const computed = computedBy(group, given);
    const errors = Object.keys(expected).map((name) => relativeError(computed[name] ?? NaN, expected[name] as number));
    return { computed, expected, relativeError: Math.max(...errors) };
  });
  const maxRelativeError = Math.max(...reports.map((report) => report.relativeError));
  const passed = maxRelativeError <= ORACLE_TOLERANCE;
  return { title: group.title, n: reports.length, maxRelativeError, passed, cases: reports };
}

function computedBy(group: OracleGroup, given: OracleCase): OracleNumbers {
  try {
    return group.compute(given);
  } catch (error) {
    if (error instanceof RangeError) throw given.fault('', `cannot be computed: ${error.message}`);
    throw error;
  }
}

/** |computed − expected| / |expected|; a number that could not be computed is infinitely wrong. */
export function relativeError(computed: number, expected: number): number {
  if (!Number.isFinite(computed)) return Number.MAX_VALUE;
  return Math.abs(computed - expected) / Math.max(Math.abs(expected), SMALLEST);
}
