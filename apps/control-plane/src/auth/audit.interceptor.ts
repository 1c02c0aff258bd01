import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { concatMap, from, map, type Observable, catchError } from 'rxjs';
import type { ProblemCode } from '../problems/catalogue';
import { ProblemError } from '../problems/problem-error';
import { AccessAudit } from './access-audit';
import { principalOf } from './principal';

/** Refusals that the guard cannot see: a role that a workflow does not accept, the same pair of eyes, evidence that is out of date. */
const REFUSALS: ReadonlySet<ProblemCode> = new Set(['forbidden', 'four-eyes', 'stale-evidence']);
const READS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** Audits what the guard let through: every call of a person or program that acted, and every one refused behind the guard. */
@Injectable()
export class AuditInterceptor implements NestInterceptor {
  constructor(private readonly audit: AccessAudit) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const principal = principalOf(request);
    const answer = next.handle().pipe(
      catchError((error: unknown) => {
        const isRefusal = error instanceof ProblemError && REFUSALS.has(error.code);
        if (!isRefusal) throw error;
        return from(this.audit.refused(request, principal.name, error)).pipe(
          map(() => {
            throw error;
          }),
        );
      }),
    );
    if (principal.kind !== 'user' || READS.has(request.method)) return answer;
    return answer.pipe(
      concatMap((body: unknown) => from(this.audit.done(request, principal.name)).pipe(map(() => body))),
    );
  }
}
