import type { Logger } from './log';
import type { EdgeMetrics } from './metrics';
import type { EdgeResponse } from './server';

/** A programmer error costs one no-bid and a counter; the first of each kind is logged with its stack. */
export class FaultAnswer {
  private readonly seen = new Set<string>();

  constructor(
    private readonly metrics: EdgeMetrics,
    private readonly log: Logger,
  ) {}

  readonly to = (error: unknown): EdgeResponse => {
    const where = error instanceof Error ? error.name : 'unknown';
    if (!this.seen.has(where)) this.log.error({ err: error }, 'internal error');
    this.seen.add(where);
    this.metrics.internalErrors.add(1, where);
    return { status: 204, headers: {}, body: null };
  };
}
