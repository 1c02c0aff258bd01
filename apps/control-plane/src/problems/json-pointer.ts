import type { z } from 'zod';
import type { ProblemFault } from './problem-error';

/** RFC 6901 pointer of a path of member names and indices; '' is the whole document. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** Every issue of a zod error as a fault with its pointer; an unrecognised member points at the member itself. */
export function faultsOf(error: z.ZodError): ProblemFault[] {
  return error.issues.flatMap((issue) => {
    const paths = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
    return paths.map((path) => ({
      pointer: jsonPointer(path),
      code: issue.code.replaceAll('_', '-'),
      detail: issue.code === 'unrecognized_keys' ? 'is not a member of this object' : issue.message,
    }));
  });
}
