import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { EvaluateFault } from './evaluate-fault';

/** Key that names the programs behind the numbers, and no group. */
const PROVENANCE = 'versions';

/** An oracle file: cases by group, as `math.json` has them. */
export interface OracleFile {
  /** File name for messages. */
  file: string;
  groups: Record<string, unknown>;
}

/** Reads an oracle file. @throws EvaluateFault FILE_NOT_FOUND, FILE_UNREADABLE, NOT_AN_ORACLE */
export function readOracleFile(path: string): OracleFile {
  const file = basename(path);
  const next = 'give a file in the format of oracles/math.json: {"srm_chi2": [{"counts": …}], …}';
  const parsed = parse(textOf(path, file), file, next);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new EvaluateFault('NOT_AN_ORACLE', 2, `${file} holds no groups`, 'its top level is not a JSON object', next);
  const { [PROVENANCE]: _programs, ...groups } = parsed as Record<string, unknown>;
  return { file, groups };
}

function textOf(path: string, file: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new EvaluateFault('FILE_NOT_FOUND', 3, `${file} does not exist`, message, 'check the path');
    throw new EvaluateFault('FILE_UNREADABLE', 2, `cannot read ${file}`, message, 'check the path and its permissions');
  }
}

function parse(text: string, file: string, next: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new EvaluateFault('NOT_AN_ORACLE', 2, `${file} is no JSON`, (error as Error).message, next);
  }
}

/** Cases of one group. @throws EvaluateFault BAD_CASE when the group is no list of objects, or empty */
export function casesOf({ file, groups }: OracleFile, name: string): OracleCase[] {
  const cases = groups[name];
  if (!Array.isArray(cases) || cases.length === 0)
    throw badCase(file, `/${name}`, 'is not a list of cases', 'give at least one case, or leave the group out');
  return cases.map((value: unknown, index) => new OracleCase(file, `/${name}/${index}`, value));
}

/** One case; every field is checked where it is read. */
export class OracleCase {
  private readonly fields: Record<string, unknown>;

  constructor(
    private readonly file: string,
    /** JSON pointer of the case. */
    readonly pointer: string,
    value: unknown,
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw badCase(file, pointer, 'is not an object', 'give an object with inputs and results');
    this.fields = value as Record<string, unknown>;
  }

  number(field: string): number {
    const value = this.fields[field];
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw this.fault(field, `is ${described(value)}, not a number`);
  }

  positive(field: string): number {
    const value = this.number(field);
    if (value > 0) return value;
    throw this.fault(field, `is ${value}, must be > 0`);
  }

  numbers(field: string, least: number, most = Infinity): number[] {
    const value = this.fields[field];
    if (!Array.isArray(value) || value.length < least || value.length > most)
      throw this.fault(field, `must be a list of ${least === most ? least : `at least ${least}`} numbers`);
    const wrong = value.findIndex((item) => typeof item !== 'number' || !Number.isFinite(item));
    if (wrong >= 0) throw this.fault(`${field}/${wrong}`, `is ${described(value[wrong])}, not a number`);
    return value as number[];
  }

  /** A fault at this case, or at one of its fields. */
  fault(field: string, why: string): EvaluateFault {
    return badCase(this.file, field === '' ? this.pointer : `${this.pointer}/${field}`, why, 'repair this case');
  }
}

const badCase = (file: string, pointer: string, why: string, next: string): EvaluateFault =>
  new EvaluateFault('BAD_CASE', 2, `${file} is malformed`, `${pointer} ${why}`, next);

const described = (value: unknown): string =>
  value === undefined ? 'missing' : (JSON.stringify(value)?.slice(0, 60) ?? typeof value);
