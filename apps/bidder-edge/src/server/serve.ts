import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf } from './answer-of';
import type { EdgeResponse, Handler } from './message';
import { refusalText } from './http/response-text';
import { problemResponse } from './problem';

export interface ServeOptions {
  host: string;
  port: number;
  /** Other threads of this process listen on the same port: the system spreads connections over them. */
  reusePort?: boolean;
  maxBodyBytes: number;
  headersTimeoutMs: number;
  requestTimeoutMs: number;
  keepAliveTimeoutMs: number;
}

/** Limits of both ports. */
export const LIMITS = {
  maxBodyBytes: 256 * 1024,
  headersTimeoutMs: 5000,
  requestTimeoutMs: 10_000,
  keepAliveTimeoutMs: 65_000,
} as const;

export interface RunningServer {
  port: number;
  /**
   * Stops accepting, answers what comes on open connections with `connection: close`, and cuts off what is left after
   * `drainMs`.
   */
  close(drainMs: number): Promise<void>;
}

/** By then every thread that was told to has ceased to listen. */
const ALL_CLOSED_MS = 50;

/** Where several threads listen, an answer that ends its connection sends the client to another one's queue, which the system resets when that closes. */
export const allClosed = async ({ reusePort = false }: ServeOptions): Promise<void> => {
  if (reusePort) await sleep(ALL_CLOSED_MS);
};

/** What the parser and the clock refuse otherwise than with 400. */
const REFUSALS: Readonly<Record<string, number>> = { ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_HEADER_OVERFLOW: 431 };
/** Body bytes that are swallowed after a 413, so that the client can read the answer. */
const SWALLOW_BYTES = 4 << 20;

/** Serves over Node's own HTTP server. `fallback` answers when the handler throws: an exchange must never see a 5xx. */
export async function serve(
  handler: Handler,
  fallback: (error: unknown) => EdgeResponse,
  options: ServeOptions,
): Promise<RunningServer> {
  const server = createServer({
    headersTimeout: options.headersTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    connectionsCheckingInterval: 1000,
    maxHeaderSize: 16_384,
    noDelay: true,
  });
  let isDraining = false;
  const reply = (response: ServerResponse, answer: EdgeResponse): void => {
    if (isDraining) response.shouldKeepAlive = false;
    write(response, answer);
  };
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const arrivedAtMs = performance.now();
    receiveBody(request, options.maxBodyBytes, (body) => {
      if (body === null) {
        response.shouldKeepAlive = false;
        write(response, problemResponse(413, 'BODY_TOO_LARGE', `the body exceeds ${options.maxBodyBytes} bytes`));
        return;
      }
      const url = request.url ?? '/';
      const mark = url.indexOf('?');
      const answer = answerOf(handler, fallback, {
        method: request.method ?? 'GET',
        path: mark < 0 ? url : url.slice(0, mark),
        query: mark < 0 ? '' : url.slice(mark + 1),
        headers: request.headers,
        body,
        arrivedAtMs,
      });
      if (answer instanceof Promise) void answer.then((late) => reply(response, late));
      else reply(response, answer);
    });
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (socket.writable) socket.end(refusalText(REFUSALS[error.code ?? ''] ?? 400));
    else socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const { host, port, reusePort = false } = options;
    server.listen({ host, port, reusePort, backlog: 1024 }, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: async (drainMs) => {
      const closed = close(server, drainMs);
      await allClosed(options);
      isDraining = true;
      await closed;
    },
  };
}

const EMPTY = Buffer.alloc(0);

/** Collects the body; null when it is longer than allowed, said once, the rest being swallowed. */
function receiveBody(request: IncomingMessage, maxBytes: number, done: (body: Buffer | null) => void): void {
  const announced = Number(request.headers['content-length'] ?? 0);
  const hasBody = announced > 0 || request.headers['transfer-encoding'] !== undefined;
  if (!hasBody) return done(EMPTY);
  const chunks: Buffer[] = [];
  let length = 0;
  let isDone = false;
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= maxBytes && announced <= maxBytes) return void chunks.push(chunk);
    if (length > SWALLOW_BYTES) request.destroy();
    if (isDone) return;
    isDone = true;
    done(null);
  });
  request.on('end', () => {
    if (isDone) return;
    isDone = true;
    done(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, length));
  });
  // A client that goes away mid-body gets no answer and costs nothing further.
  request.on('error', () => (isDone = true));
}

function write(response: ServerResponse, answer: EdgeResponse): void {
  if (!response.destroyed && !response.headersSent) {
    const { body } = answer;
    if (body === null) {
      response.writeHead(
        answer.status,
        answer.status === 204 ? answer.headers : { ...answer.headers, 'content-length': '0' },
      );
      response.end();
    } else {
      answer.headers['content-length'] = String(typeof body === 'string' ? Buffer.byteLength(body) : body.length);
      response.writeHead(answer.status, answer.headers);
      response.end(body);
    }
  }
  if (answer.afterWrite) setImmediate(answer.afterWrite);
}

/** Share of the drain in which a kept-alive connection may still bring a request and be told that it was the last. */
const LAST_WORD_SHARE = 0.25;

async function close(server: Server, drainMs: number): Promise<void> {
  // Not http's own close: it cuts idle connections at once, and under load a request is on its way on most of them.
  const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
  const timers = [
    setTimeout(() => server.closeIdleConnections(), drainMs * LAST_WORD_SHARE),
    setTimeout(() => server.closeAllConnections(), drainMs),
  ];
  await closed;
  for (const timer of timers) clearTimeout(timer);
}
