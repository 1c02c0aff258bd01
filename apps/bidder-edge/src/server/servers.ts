import type { EdgeResponse, Handler } from './message';
import { serve, type RunningServer, type ServeOptions } from './serve';
import { serveLean } from './serve-lean';

/** Servers that an edge can run behind: one seam, so that they are compared in one run. */
export const HTTP_SERVERS = ['lean', 'node'] as const;
export type HttpServer = (typeof HTTP_SERVERS)[number];

/** How one is started. `fallback` answers when the handler throws. */
export type Serve = (
  handler: Handler,
  fallback: (error: unknown) => EdgeResponse,
  options: ServeOptions,
) => Promise<RunningServer>;

export const SERVERS: Readonly<Record<HttpServer, Serve>> = { lean: serveLean, node: serve };
