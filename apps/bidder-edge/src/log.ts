import pino, { type Logger } from 'pino';

export type { Logger } from 'pino';

/** JSON lines on standard output, written at once so that nothing is lost when the process dies. No line per request. */
export const createLogger = (level: string, edgeId: string): Logger =>
  pino({ level, base: { app: 'bidder-edge', edgeId } }, pino.destination({ dest: 1, sync: true }));
