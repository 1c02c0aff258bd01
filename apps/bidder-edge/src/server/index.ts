/**
 * Server: the seam `serve(handler)` between a runtime's HTTP server and the edge's routes. Limits live here: body size,
 * gzip bombs, slow clients.
 */
export * from './message';
export * from './problem';
export * from './routes';
export * from './serve';
export * from './servers';
