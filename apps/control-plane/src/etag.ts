import type { FastifyRequest } from 'fastify';
import { ProblemError } from './problems/problem-error';

/** Strong entity tag of a version number. */
export const etagOf = (version: number): string => `"${version}"`;

/**
 * The version that a change is based on, from If-Match; null for `*`.
 * @throws ProblemError `version-required` (428) without the header, `malformed-request` when it is no tag of ours.
 */
export function requiredVersion(request: FastifyRequest): number | null {
  const header = request.headers['if-match'];
  if (header === undefined) {
    throw new ProblemError('version-required', 'Send If-Match with the ETag that you read.');
  }
  if (header.trim() === '*') return null;
  const version = /^"(\d{1,9})"$/.exec(header.trim())?.[1];
  if (version === undefined) {
    throw new ProblemError('malformed-request', `If-Match ${header} is not an ETag of this API.`);
  }
  return Number(version);
}

/** What a PUT is based on: a version (null = any), or that there is nothing yet. */
export type WriteCondition = 'absent' | { based: number | null };

/**
 * Condition of a PUT: If-Match as for any change, or `If-None-Match: *` to add.
 * @throws ProblemError `version-required` (428) without either, `malformed-request` for anything else.
 */
export function writeCondition(request: FastifyRequest): WriteCondition {
  const absent = request.headers['if-none-match'];
  if (absent === undefined) return { based: requiredVersion(request) };
  if (absent.trim() !== '*' || request.headers['if-match'] !== undefined)
    throw new ProblemError('malformed-request', 'If-None-Match takes * alone, to add what is not there yet.');
  return 'absent';
}

/** @throws ProblemError `stale-version` (412) unless `based` is the current version. */
export function assertCurrent(based: number | null, current: number): void {
  if (based !== null && based !== current) {
    throw new ProblemError('stale-version', `You changed version ${based}; the current one is ${current}.`, [], {
      etag: etagOf(current),
    });
  }
}
