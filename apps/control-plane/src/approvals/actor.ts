import type { FastifyRequest } from 'fastify';
import type { Actor } from '../../../../workflows/messages';
import { principalOf } from '../auth/principal';
import { ProblemError } from '../problems/problem-error';

/** The caller as workflows know people: name and role out of the token, never out of the body. */
export function actorOf(request: FastifyRequest): Actor {
  const principal = principalOf(request);
  if (principal.kind !== 'user')
    throw new ProblemError('forbidden', 'Only a person or program with a role may do this.');
  return { name: principal.name, role: principal.role };
}
