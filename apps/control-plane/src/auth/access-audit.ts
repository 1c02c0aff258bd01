import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { FastifyRequest } from 'fastify';
import { childLogger } from '../logger';
import type { ProblemError } from '../problems/problem-error';

/** Audit rows written per minute at most: a flood of bad tokens must not fill the disk; the rest is counted in one log line. */
const ROWS_PER_MINUTE = 600;

/** Writes refused attempts to `access_audit`. A named actor's refusal is always written; anonymous ones are rate-limited. */
@Injectable()
export class AccessAudit {
  private readonly log = childLogger('audit');
  private minute = 0;
  private written = 0;
  private dropped = 0;

  constructor(private readonly database: DataSource) {}

  async refused(request: FastifyRequest, actor: string, problem: ProblemError): Promise<void> {
    if (actor === 'anonymous' && !this.admit(Date.now())) return;
    await this.database.query(
      'INSERT INTO access_audit (actor, method, path, code, remote_address) VALUES ($1, $2, $3, $4, $5)',
      [actor, request.method, request.url.slice(0, 500), problem.code, request.socket.remoteAddress ?? ''],
    );
  }

  private admit(nowMs: number): boolean {
    const minute = Math.floor(nowMs / 60_000);
    if (minute !== this.minute) {
      if (this.dropped > 0)
        this.log.warn({ dropped: this.dropped }, 'refused anonymous attempts beyond the audit limit');
      this.minute = minute;
      this.written = 0;
      this.dropped = 0;
    }
    if (this.written >= ROWS_PER_MINUTE) {
      this.dropped += 1;
      return false;
    }
    this.written += 1;
    return true;
  }
}
