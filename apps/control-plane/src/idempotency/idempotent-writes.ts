import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DataSource, type EntityManager } from 'typeorm';
import { canonicalJson } from '#domain/contracts/canonical-json';
import { principalOf } from '../auth/principal';
import { ProblemError } from '../problems/problem-error';

/** What a write answers; kept verbatim so that a replay is the same answer. */
export interface Answer<T> {
  status: number;
  body: T;
  headers?: Record<string, string>;
}

const KEY_SHAPE = /^[\x21-\x7e]{1,200}$/;

/**
 * Runs a write once per `Idempotency-Key` (optional header) of one caller and route. The key, the work and its answer commit
 * in one transaction: two equal requests at once wait for each other on the key's row, and a crash leaves neither.
 */
@Injectable()
export class IdempotentWrites {
  constructor(private readonly database: DataSource) {}

  /**
   * @param work does every write through `manager`.
   * @throws ProblemError `idempotency-key-reused` when the key came before with another path or body.
   */
  run<T>(request: FastifyRequest, work: (manager: EntityManager) => Promise<Answer<T>>): Promise<Answer<T>> {
    const key = request.headers['idempotency-key'];
    if (key === undefined) return this.database.transaction(work);
    if (typeof key !== 'string' || !KEY_SHAPE.test(key)) {
      throw new ProblemError('malformed-request', 'Idempotency-Key must be 1 to 200 visible ASCII characters.');
    }
    return this.database.transaction((manager) => this.once(manager, request, key, work));
  }

  private async once<T>(
    manager: EntityManager,
    request: FastifyRequest,
    key: string,
    work: (manager: EntityManager) => Promise<Answer<T>>,
  ): Promise<Answer<T>> {
    const id = [principalOf(request).name, `${request.method} ${request.routeOptions.url ?? ''}`, key];
    const content = canonicalJson({ url: request.url, body: request.body ?? null });
    const digest = createHash('sha256').update(content).digest('hex');
    const inserted = (await manager.query(
      `INSERT INTO idempotency_key (actor, route, key, request_sha256) VALUES ($1, $2, $3, $4)
       ON CONFLICT DO NOTHING RETURNING key`,
      [...id, digest],
    )) as unknown[];
    if (inserted.length === 0) return this.replay<T>(manager, id, digest);
    const answer = await work(manager);
    await manager.query(
      'UPDATE idempotency_key SET status = $4, body = $5, headers = $6 WHERE actor = $1 AND route = $2 AND key = $3',
      [...id, answer.status, JSON.stringify(answer.body), JSON.stringify(answer.headers ?? {})],
    );
    return answer;
  }

  private async replay<T>(manager: EntityManager, id: string[], digest: string): Promise<Answer<T>> {
    const [row] = (await manager.query(
      `SELECT request_sha256, status, body, headers FROM idempotency_key WHERE actor = $1 AND route = $2 AND key = $3`,
      id,
    )) as { request_sha256: string; status: number; body: T; headers: Record<string, string> }[];
    if (!row || row.request_sha256 !== digest) {
      throw new ProblemError('idempotency-key-reused', `Key ${id[2] ?? ''} belongs to a different request.`);
    }
    return { status: row.status, body: row.body, headers: { ...row.headers, 'idempotency-replayed': 'true' } };
  }
}

/** Puts an answer's status and headers on the reply and hands its body to Nest. */
export function sendAnswer<T>(reply: FastifyReply, answer: Answer<T>): T {
  void reply.code(answer.status).headers(answer.headers ?? {});
  return answer.body;
}
