import { createServer, type AddressInfo, type Server } from 'node:net';
import { answerOf } from './answer-of';
import { Connection, type ConnectionPorts } from './http/connection';
import { HeadCache } from './http/head-cache';
import { LoopTurn } from './http/loop-turn';
import type { EdgeResponse, Handler } from './message';
import { allClosed, type RunningServer, type ServeOptions } from './serve';

const SWEEP_MS = 500;
/** More are closed at once: each may hold a body. */
const MAX_CONNECTIONS = 16_384;
/** How long a connection without a request may still bring one when the server closes: ended at once, it would lose the one under way. */
const GRACE_MS = 500;

/**
 * Serves HTTP/1.x read by ourselves from the sockets (decision 030): for requests of this size Node's own server costs more than a decision.
 * `fallback` answers when the handler throws: an exchange must never see a 5xx.
 */
export async function serveLean(
  handler: Handler,
  fallback: (error: unknown) => EdgeResponse,
  options: ServeOptions,
): Promise<RunningServer> {
  const connections = new Set<Connection>();
  let isDraining = false;
  const turn = new LoopTurn(fallback);
  const ports: ConnectionPorts = {
    limits: options,
    heads: new HeadCache(),
    get isDraining() {
      return isDraining;
    },
    answer: ({ method, path, query, headers }, body, arrivedAtMs) =>
      answerOf(handler, fallback, { method, path, query, headers, body, arrivedAtMs }),
    onFault: (error) => void fallback(error),
    turn,
    now: () => performance.now(),
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const connection = new Connection(socket, ports);
    connections.add(connection);
    socket.on('close', () => connections.delete(connection));
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const { host, port, reusePort = false } = options;
    server.listen({ host, port, reusePort, backlog: 1024 }, resolve);
  });
  const sweeper = setInterval(() => {
    const nowMs = performance.now();
    for (const connection of connections) connection.sweep(nowMs);
  }, SWEEP_MS);
  return {
    port: (server.address() as AddressInfo).port,
    close: async (drainMs) => {
      const closed = drain(server, connections, drainMs);
      await allClosed(options);
      isDraining = true;
      await closed;
      clearInterval(sweeper);
    },
  };
}

/**
 * No connection is taken any more, and every answer closes its own. Those without a request are given a moment to bring the one that may be
 * under way; whoever is left after `drainMs` is cut.
 */
async function drain(server: Server, connections: ReadonlySet<Connection>, drainMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const atOnce = (act: (connection: Connection) => void) => (): void =>
    connections.forEach((connection) => act(connection));
  const grace = setTimeout(
    atOnce((connection) => connection.endWhenIdle()),
    Math.min(GRACE_MS, drainMs),
  );
  const cut = setTimeout(
    atOnce((connection) => connection.destroy()),
    drainMs,
  );
  await closed;
  clearTimeout(grace);
  clearTimeout(cut);
}
