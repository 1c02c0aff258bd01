import type { FastifyRequest } from 'fastify';
import type { Role } from './role-table';

/** Who is calling: a named person or program with one role, an edge, or nobody known. */
export type Principal =
  | { kind: 'user'; name: string; role: Role }
  | { kind: 'edge'; name: string }
  | { kind: 'anonymous'; name: 'anonymous' };

const principals = new WeakMap<object, Principal>();
const ANONYMOUS: Principal = { kind: 'anonymous', name: 'anonymous' };

export function setPrincipal(request: FastifyRequest, principal: Principal): void {
  principals.set(request.raw, principal);
}

/** The caller as the guard found it. */
export function principalOf(request: FastifyRequest): Principal {
  return principals.get(request.raw) ?? ANONYMOUS;
}
