import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ProblemError } from '../problems/problem-error';
import { AccessAudit } from './access-audit';
import { type Principal, setPrincipal } from './principal';
import { type Access, accessOf } from './role-table';
import { TokenStore } from './token-store';

const LOOPBACK_ADDRESS = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;
/** The Host header too must name this machine, or a hostile page could reach us by DNS rebinding. */
const LOOPBACK_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i;

/** Default deny: a route answers only whom `role-table.ts` names. Refused attempts go to the audit. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly tokens: TokenStore,
    private readonly audit: AccessAudit,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const access = accessOf(request.method === 'HEAD' ? 'GET' : request.method, request.routeOptions.url ?? '');
    if (access === 'public') return true;
    const bearer = /^Bearer ([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const principal = bearer === undefined ? null : this.tokens.find(bearer);
    if (principal) setPrincipal(request, principal);
    if (!principal && access === 'loopback' && isLoopback(request)) return true;
    if (principal && access !== null && mayCall(principal, access)) return true;
    const problem = principal
      ? new ProblemError('forbidden', refusal(principal, access))
      : new ProblemError('unauthenticated', 'Send `Authorization: Bearer <token>`.', [], {
          'www-authenticate': 'Bearer',
        });
    await this.audit.refused(request, principal?.name ?? 'anonymous', problem);
    throw problem;
  }
}

/** The table's meaning, as a pure function: also what the role × route matrix test walks. */
export function mayCall(principal: Principal, access: Access): boolean {
  if (access === 'public') return true;
  if (principal.kind === 'edge') return access === 'edge';
  if (principal.kind === 'anonymous' || access === 'edge') return false;
  return access === 'loopback' || principal.role === 'admin' || access.includes(principal.role);
}

function refusal(principal: Principal, access: Access | null): string {
  const who = principal.kind === 'user' ? `${principal.name} (${principal.role})` : principal.name;
  if (access === null) return `${who}: nobody may call this route yet.`;
  return `${who} may not; ${Array.isArray(access) ? [...access, 'admin'].join(', ') : String(access)} may.`;
}

function isLoopback(request: FastifyRequest): boolean {
  return LOOPBACK_ADDRESS.test(request.socket.remoteAddress ?? '') && LOOPBACK_HOST.test(request.headers.host ?? '');
}
