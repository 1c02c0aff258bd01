import { QueryFailedError } from 'typeorm';
import { ProblemError } from './problem-error';

interface PostgresError {
  code?: string;
  constraint?: string;
  detail?: string;
}

/** SQLSTATE classes and codes that mean "not now": connection, resources, shutdown, serialisation, lock and statement timeouts. */
const NOT_NOW = /^(08|53|57P0|40001|40P01|55P03|57014)/;
const SOCKET = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOENT', 'ENOTFOUND']);

/**
 * What a failed query means to the caller, or null when it is a fault of ours. Postgres' own constraint name is the fault's
 * code, so that a check that zod missed is still told apart.
 */
export function databaseProblem(error: unknown): ProblemError | null {
  if (!(error instanceof Error)) return null;
  const cause = (error instanceof QueryFailedError ? error.driverError : error) as PostgresError & Error;
  const state = cause.code ?? '';
  if (
    SOCKET.has(state) ||
    NOT_NOW.test(state) ||
    /^(Connection terminated|timeout exceeded when trying to connect)/.test(cause.message)
  ) {
    return new ProblemError('database-unavailable', 'The database does not answer; nothing was changed.', [], {
      'retry-after': '1',
    });
  }
  if (!(error instanceof QueryFailedError)) return null;
  const fault = { pointer: '', code: cause.constraint ?? state, detail: cause.detail ?? cause.message };
  if (state === '23505') return new ProblemError('already-exists', fault.detail, [fault]);
  if (state === '23503') return new ProblemError('unknown-reference', fault.detail, [fault]);
  if (state === '23514') return new ProblemError('invalid-input', `The database refuses it: ${fault.code}.`, [fault]);
  return null;
}
