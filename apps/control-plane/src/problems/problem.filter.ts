import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ZodValidationException } from 'nestjs-zod';
import { ZodError } from 'zod';
import { RouteIndex } from '../route-index';
import { childLogger } from '../logger';
import { PROBLEMS, type ProblemCode } from './catalogue';
import { databaseProblem } from './database-problem';
import { faultsOf } from './json-pointer';
import { ProblemError } from './problem-error';

const CODE_BY_STATUS: Record<number, ProblemCode> = {
  400: 'malformed-request',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  413: 'body-too-large',
  415: 'unsupported-media-type',
  422: 'invalid-input',
  429: 'too-many-requests',
  503: 'not-ready',
};

/** The one place where an error becomes an answer: `application/problem+json` with a code of the catalogue. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly log = childLogger('problems');

  constructor(private readonly routes: RouteIndex) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const problem = this.problemOf(error, request);
    const { status } = PROBLEMS[problem.code];
    if (status >= 500) {
      this.log.error({ err: error, requestId: request.id, method: request.method, url: request.url }, problem.message);
    }
    if (reply.sent) return;
    void reply
      .headers(problem.headers)
      .code(status)
      .type('application/problem+json')
      .send(JSON.stringify(problem.toProblem(pathOf(request))));
  }

  private problemOf(error: unknown, request: FastifyRequest): ProblemError {
    if (error instanceof ProblemError) return error;
    if (error instanceof ZodValidationException) return invalid(error.getZodError());
    if (error instanceof ZodError) return invalid(error);
    const database = databaseProblem(error);
    if (database) return database;
    const status = statusOf(error);
    if (status === 404 && error instanceof HttpException) return this.unrouted(request);
    const code = status === null ? undefined : CODE_BY_STATUS[status];
    if (code) return new ProblemError(code, error instanceof Error ? error.message : String(error));
    return new ProblemError('internal-error', `See the log for request ${request.id}.`);
  }

  /** An unknown path is 404; a known path under another method is 405 with `Allow`. */
  private unrouted(request: FastifyRequest): ProblemError {
    const path = pathOf(request);
    const allowed = this.routes.methodsOf(path);
    if (allowed.length === 0) return new ProblemError('not-found', `There is nothing at ${path}.`);
    return new ProblemError('method-not-allowed', `${path} answers ${allowed.join(', ')}.`, [], {
      allow: allowed.join(', '),
    });
  }
}

function invalid(error: unknown): ProblemError {
  const faults = error instanceof ZodError ? faultsOf(error) : [];
  const first = faults[0];
  const where = first ? ` First: ${first.pointer === '' ? 'the body' : first.pointer} ${first.detail}.` : '';
  return new ProblemError('invalid-input', `${faults.length} fault(s).${where}`, faults);
}

/** Status of Nest's and of Fastify's own errors (body limit, bad JSON, content type), or null. */
function statusOf(error: unknown): number | null {
  if (error instanceof HttpException) return error.getStatus();
  if (error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number') return error.statusCode;
  return null;
}

const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0] ?? request.url;
