import type { Problem } from '#domain/contracts/problem';
import { PROBLEMS, type ProblemCode } from './catalogue';

export type ProblemFault = NonNullable<Problem['errors']>[number];

/** An operational error with a stable code; `ProblemFilter` turns it into RFC 9457 problem details. */
export class ProblemError extends Error {
  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    readonly faults: readonly ProblemFault[] = [],
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(`${code}: ${detail}`);
    this.name = 'ProblemError';
  }

  /** The body sent to the client; `instance` is the request's path. */
  toProblem(instance: string): Problem {
    const { status, title } = PROBLEMS[this.code];
    return {
      type: `urn:adloop:problem:${this.code}`,
      title,
      status,
      code: this.code,
      detail: this.detail,
      instance,
      ...(this.faults.length > 0 ? { errors: [...this.faults] } : {}),
    };
  }
}

/** 404 for one thing of one kind. */
export function notFound(kind: string, id: string): ProblemError {
  return new ProblemError('not-found', `There is no ${kind} ${id}.`);
}
