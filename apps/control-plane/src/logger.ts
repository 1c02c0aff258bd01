import { type LoggerService } from '@nestjs/common';
import { pino, type Logger } from 'pino';

const root: Logger = pino({ name: 'control-plane', level: 'info' });

/** Sets the level for every logger made by `childLogger`, before or after. Called once by each process root. */
export function setLogLevel(level: string): void {
  root.level = level;
  for (const child of children) child.level = level;
}

const children: Logger[] = [];

/** A logger that names its module; add `requestId | decisionId | rolloutId | workflowId` per line. One per module, not per call. */
export function childLogger(module: string): Logger {
  const child = root.child({ module });
  children.push(child);
  return child;
}

/** Nest's own lines, through pino. */
export class NestLogger implements LoggerService {
  private readonly sink = childLogger('nest');
  verbose(message: unknown, ...rest: unknown[]): void {
    this.sink.trace({ rest }, String(message));
  }
  debug(message: unknown, ...rest: unknown[]): void {
    this.sink.debug({ rest }, String(message));
  }
  /** Nest announces each route and module at this level: of use when debugging only. */
  log(message: unknown, ...rest: unknown[]): void {
    this.sink.debug({ rest }, String(message));
  }
  warn(message: unknown, ...rest: unknown[]): void {
    this.sink.warn({ rest }, String(message));
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.sink.error({ rest }, String(message));
  }
  fatal(message: unknown, ...rest: unknown[]): void {
    this.sink.fatal({ rest }, String(message));
  }
}
