import type { Problem } from '#domain/contracts';
import type { EdgeResponse } from './message';

const TITLES: Record<number, string> = {
  400: 'Bad request',
  404: 'Not found',
  405: 'Method not allowed',
  410: 'Gone',
  413: 'Content too large',
  415: 'Unsupported media type',
  421: 'Misdirected request',
  500: 'Something broke',
  503: 'Not available',
};

/** Problem details (RFC 9457) as an answer; `code` is stable, `errors` point into the body. */
export function problemResponse(
  status: number,
  code: string,
  detail: string,
  errors?: Problem['errors'],
  headers: Record<string, string> = {},
): EdgeResponse {
  const problem: Problem = { type: 'about:blank', title: TITLES[status] ?? 'Error', status, code, detail };
  if (errors) problem.errors = errors;
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
    body: JSON.stringify(problem),
  };
}
