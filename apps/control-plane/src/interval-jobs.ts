import { childLogger } from './logger';

/** Background work of one process: one round of a job at a time; a failed round is retried by the next. */
export class IntervalJobs {
  private readonly log: ReturnType<typeof childLogger>;
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly running = new Set<Promise<unknown>>();
  private readonly failing = new Set<string>();
  private stopped = false;

  constructor(module: string) {
    this.log = childLogger(module);
  }

  /** Runs `work` every `intervalMs`, never twice at once. */
  every(name: string, intervalMs: number, work: () => Promise<unknown>): void {
    let busy = false;
    const round = async () => {
      try {
        await work();
        if (this.failing.delete(name)) this.log.info({ job: name }, 'job works again');
      } catch (error) {
        // Said once per outage: the next round tries again, and readiness tells of a lost database by itself.
        if (!this.failing.has(name)) this.log.error({ err: error, job: name }, 'job fails');
        this.failing.add(name);
      }
    };
    const timer = setInterval(() => {
      if (busy || this.stopped) return;
      busy = true;
      const done = round().finally(() => {
        busy = false;
        this.running.delete(done);
      });
      this.running.add(done);
    }, intervalMs);
    timer.unref();
    this.timers.push(timer);
  }

  /** Ends after the rounds that run now. */
  async stop(): Promise<void> {
    this.stopped = true;
    for (const timer of this.timers) clearInterval(timer);
    await Promise.all(this.running);
  }
}
