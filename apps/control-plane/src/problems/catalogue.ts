/**
 * Every operational error of the control plane: stable code -> status, title, and whether the same call may succeed later.
 * Add a line here before throwing a new `ProblemError`; codes are part of the API and are never renamed.
 */
export const PROBLEMS = {
  'malformed-request': { status: 400, title: 'The request cannot be read', retryable: false },
  unauthenticated: { status: 401, title: 'A valid bearer token is needed', retryable: false },
  forbidden: { status: 403, title: 'Your role may not do this', retryable: false },
  'four-eyes': { status: 403, title: 'Somebody else must approve this', retryable: false },
  'not-found': { status: 404, title: 'There is no such thing', retryable: false },
  'method-not-allowed': { status: 405, title: 'This path does not answer that method', retryable: false },
  conflict: { status: 409, title: 'The state does not allow this now', retryable: false },
  'already-exists': { status: 409, title: 'This exists already', retryable: false },
  'rollout-in-progress': { status: 409, title: 'Another rollout holds this cell and agent', retryable: false },
  'canary-slot-busy': {
    status: 409,
    title: 'A rollout or an experiment holds the canary slot of this cell',
    retryable: false,
  },
  'stale-evidence': { status: 409, title: 'There is newer evidence than the one you saw', retryable: false },
  'stale-version': { status: 412, title: 'It has changed since you read it', retryable: false },
  'body-too-large': { status: 413, title: 'The body is too large', retryable: false },
  'unsupported-media-type': { status: 415, title: 'This content type is not understood', retryable: false },
  'invalid-input': { status: 422, title: 'The input breaks its contract', retryable: false },
  'unknown-reference': { status: 422, title: 'The input refers to something that does not exist', retryable: false },
  'idempotency-key-reused': { status: 422, title: 'This Idempotency-Key came with another request', retryable: false },
  'invalid-plan': { status: 422, title: 'The rollout plan cannot be run', retryable: false },
  'invalid-model': { status: 422, title: 'The model cannot be taken in', retryable: false },
  'invalid-experiment': { status: 422, title: 'The experiment cannot be run as registered', retryable: false },
  'invalid-invoice': { status: 422, title: 'The invoice cannot be read', retryable: false },
  'invalid-segment': { status: 422, title: 'The segment cannot be read', retryable: false },
  'version-required': { status: 428, title: 'If-Match is needed', retryable: false },
  'too-many-requests': { status: 429, title: 'Too many requests', retryable: true },
  'internal-error': { status: 500, title: 'Something broke', retryable: false },
  'database-unavailable': { status: 503, title: 'The database does not answer', retryable: true },
  'temporal-unavailable': { status: 503, title: 'Temporal does not answer', retryable: true },
  'not-ready': { status: 503, title: 'The control plane is not ready', retryable: true },
} as const satisfies Record<string, { status: number; title: string; retryable: boolean }>;

export type ProblemCode = keyof typeof PROBLEMS;
