import { randomUUID } from 'node:crypto';
import type { Problem } from '#domain/contracts/problem';
import { tokenFor, type CliConfig } from './config';
import { CliError, EXIT, exitCodeOf } from './exit-code';

/** Thin client of the control plane's API: one method, problems become CliErrors with a stable exit code. */
export class ApiClient {
  constructor(
    private readonly config: CliConfig,
    private readonly who: string,
  ) {}

  /** PUTs a whole thing: over `version`, or as a new one when `version` is null. Throws CliError on any problem. */
  async put<T>(path: string, body: unknown, version: number | null): Promise<T> {
    const condition: Record<string, string> =
      version === null ? { 'if-none-match': '*' } : { 'if-match': `"${version}"` };
    return JSON.parse(await this.send('PUT', path, body, undefined, condition)) as T;
  }

  /** Requests `/api/v1{path}`; POSTs carry an idempotency key, a new one unless given. Throws CliError on any problem. */
  async call<T>(method: 'GET' | 'POST' | 'PATCH', path: string, body?: unknown, key?: string): Promise<T> {
    const text = await this.send(method, path, body, key);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** As `call`, for answers that are JSON lines. */
  async lines(method: 'GET' | 'POST', path: string, body?: unknown): Promise<string[]> {
    return (await this.send(method, path, body)).split('\n').filter((line) => line !== '');
  }

  /** GETs an answer that is not JSON to be read, but text to be kept. */
  text(path: string): Promise<string> {
    return this.send('GET', path, undefined);
  }

  private async send(
    method: string,
    path: string,
    body: unknown,
    key?: string,
    condition: Record<string, string> = {},
  ): Promise<string> {
    const { apiUrl } = this.config;
    if (!apiUrl) {
      throw CliError.passing(
        'NO_CONTROL_PLANE',
        `No stack runs in ${this.config.home} and ADLOOP_API is not set.`,
        EXIT.failed,
        'Start one with `npm start`, or set ADLOOP_API to a control plane.',
      );
    }
    const headers: Record<string, string> = {
      authorization: `Bearer ${tokenFor(this.config, this.who)}`,
      ...condition,
    };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (method === 'POST') headers['idempotency-key'] = key ?? randomUUID();
    let response: Response;
    try {
      response = await fetch(`${apiUrl}/api/v1${path}`, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(60_000),
      });
    } catch (cause) {
      const why =
        cause instanceof Error ? ((cause.cause as Error | undefined)?.message ?? cause.message) : String(cause);
      throw CliError.passing(
        'CONTROL_PLANE_UNREACHABLE',
        `The control plane at ${apiUrl} does not answer: ${why}.`,
        cause instanceof Error && cause.name === 'TimeoutError' ? EXIT.timeout : EXIT.failed,
        'Check it with `npm run adloop -- doctor`.',
      );
    }
    const text = await bodyOf(response, apiUrl);
    if (!response.ok) throw toCliError(response.status, text);
    return text;
  }
}

function toCliError(status: number, text: string): CliError {
  let problem: Partial<Problem>;
  try {
    problem = JSON.parse(text) as Partial<Problem>;
  } catch {
    problem = { detail: text.slice(0, 300) };
  }
  return new CliError(
    problem.code ?? `HTTP_${status}`,
    problem.detail ?? problem.title ?? `HTTP ${status}`,
    exitCodeOf(status),
    undefined,
    problem.errors ?? [],
    status === 429 || status === 502 || status === 503 || status === 504,
  );
}

/** A connection that breaks in the middle of an answer is an outage as well. */
function bodyOf(response: Response, apiUrl: string): Promise<string> {
  return response.text().catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw CliError.passing('CONTROL_PLANE_UNREACHABLE', `The answer of ${apiUrl} broke off: ${why}.`);
  });
}
