import type { z } from 'zod';
import type { Problem } from '#domain/contracts/problem';
import type { CliConfig } from './config';
import { CliError, EXIT, exitCodeOf } from './exit-code';

const TIMEOUT_MS = 10_000;

/** Client of one edge's admin port: it needs no token, and no control plane. */
export class EdgeClient {
  private constructor(private readonly baseUrl: string) {}

  /**
   * Finds the admin port: `url`, else ADLOOP_EDGE_ADMIN, else the edge of this home's running stack (the first unless named).
   * @throws CliError NO_EDGE, UNKNOWN_EDGE
   */
  static find(config: CliConfig, options: { url?: string; edge?: string }): EdgeClient {
    const given = options.url ?? (options.edge === undefined ? config.edgeAdminUrl : null);
    if (given) return new EdgeClient(given.replace(/\/+$/, ''));
    const edges = config.stack?.urls.edgeAdmins ?? {};
    const found = options.edge === undefined ? Object.values(edges)[0] : edges[options.edge];
    if (found !== undefined) return new EdgeClient(found);
    if (options.edge !== undefined && config.stack !== null)
      throw new CliError(
        'UNKNOWN_EDGE',
        `The stack in ${config.home} has no edge "${options.edge}": it has ${Object.keys(edges).join(', ') || 'none'}.`,
        EXIT.notFound,
      );
    throw CliError.passing(
      'NO_EDGE',
      `No stack runs in ${config.home}, and neither --url nor ADLOOP_EDGE_ADMIN names an edge.`,
      EXIT.failed,
      'Start one with `npm start`, or name an admin port: --url http://127.0.0.1:7090.',
    );
  }

  /** GETs a path and reads it by its contract. @throws CliError EDGE_UNREACHABLE, NOT_AN_EDGE, or the edge's own code */
  async get<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S>> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${this.baseUrl}${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      text = await response.text();
    } catch (cause) {
      // fetch throws errors; what went wrong with the socket is their cause.
      const { name, message, cause: inner } = cause as Error & { cause?: Error };
      throw CliError.passing(
        'EDGE_UNREACHABLE',
        `The edge's admin port at ${this.baseUrl} does not answer: ${inner?.message || message}.`,
        name === 'TimeoutError' ? EXIT.timeout : EXIT.failed,
        'It listens on EDGE_ADMIN_PORT of the machine the edge runs on; the log line "edge serves" has its URL.',
      );
    }
    const body = parse(text);
    if (response.ok) {
      const answer = schema.safeParse(body);
      if (answer.success) return answer.data;
    }
    const problem = body as Partial<Problem> | null;
    if (typeof problem?.code === 'string')
      throw new CliError(problem.code, problem.detail ?? problem.title ?? '', exitCodeOf(response.status));
    throw new CliError(
      'NOT_AN_EDGE',
      `What answers at ${this.baseUrl}${path} (HTTP ${response.status}) is no admin port of an edge, or one of another version.`,
    );
  }
}

/** Null for what is no JSON: no contract takes it. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
