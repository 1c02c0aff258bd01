import type { CallHandler, ExecutionContext } from '@nestjs/common';
import { firstValueFrom, of, throwError } from 'rxjs';
import { ProblemError } from '../problems/problem-error';
import type { AccessAudit } from './access-audit';
import { AuditInterceptor } from './audit.interceptor';
import { type Principal, setPrincipal } from './principal';

/** Runs one call through the interceptor; answers what was audited and how the call ended. */
async function call(method: string, principal: Principal, handler: CallHandler) {
  const audited: string[] = [];
  const audit = {
    refused: async (_request: unknown, actor: string, problem: ProblemError) =>
      void audited.push(`${actor} ${problem.code}`),
    done: async (_request: unknown, actor: string) => void audited.push(`${actor} done`),
  } as unknown as AccessAudit;
  const request = { method, raw: {} };
  setPrincipal(request as never, principal);
  const context = { switchToHttp: () => ({ getRequest: () => request }) } as unknown as ExecutionContext;
  const ended = await firstValueFrom(new AuditInterceptor(audit).intercept(context, handler)).catch(
    (error: unknown) => error,
  );
  return { audited, ended };
}

const bob: Principal = { kind: 'user', name: 'bob', role: 'release-manager' };
const failing = (error: unknown): CallHandler => ({ handle: () => throwError(() => error) });

test.each(['four-eyes', 'forbidden', 'stale-evidence'] as const)(
  'a refusal behind the guard is audited: %s',
  async (code) => {
    const problem = new ProblemError(code, 'no');
    const { audited, ended } = await call('POST', bob, failing(problem));
    expect(audited).toEqual([`bob ${code}`]);
    expect(ended).toBe(problem);
  },
);

test('a call that acted is audited once, and its answer passes', async () => {
  expect(await call('POST', bob, { handle: () => of({ x: 1 }) })).toEqual({ audited: ['bob done'], ended: { x: 1 } });
});

test('reads, edges and faults of the input are not', async () => {
  expect((await call('GET', bob, { handle: () => of(1) })).audited).toEqual([]);
  expect((await call('POST', { kind: 'edge', name: 'edge' }, { handle: () => of(1) })).audited).toEqual([]);
  expect((await call('POST', bob, failing(new ProblemError('invalid-input', 'no')))).audited).toEqual([]);
});
