/** Exit codes of `adloop`, stable: scripts rely on them. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  denied: 4,
  conflict: 5,
  gateFailed: 6,
  timeout: 7,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** An error for the person at the terminal: what happened, why, and the next command. */
export class CliError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly exitCode: ExitCode = EXIT.failed,
    readonly next?: string,
    readonly faults: { pointer: string; code?: string; detail: string }[] = [],
    /** The same call may succeed later: who waits may ask again. */
    readonly mayPass = false,
  ) {
    super(message);
  }

  /** An outage: nothing was refused, and the same call may succeed later. */
  static passing(code: string, message: string, exitCode: ExitCode = EXIT.failed, next?: string): CliError {
    return new CliError(code, message, exitCode, next, [], true);
  }

  /** The same error with another exit code. */
  endingWith(exitCode: ExitCode): CliError {
    return new CliError(this.code, this.message, exitCode, this.next, this.faults, this.mayPass);
  }
}

/** Maps an HTTP status of the API to an exit code. */
export function exitCodeOf(status: number): ExitCode {
  if (status === 404) return EXIT.notFound;
  if (status === 401 || status === 403) return EXIT.denied;
  if (status === 409 || status === 412 || status === 428) return EXIT.conflict;
  if (status === 400 || status === 422) return EXIT.usage;
  return EXIT.failed;
}
