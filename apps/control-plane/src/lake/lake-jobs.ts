import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { childLogger } from '../logger';
import { LakeRetention } from './lake-retention';
import { ParquetCompactor } from './parquet-compactor.service';
import { ParquetSealer } from './parquet-sealer.service';

const SEAL_CHECK_MS = 3_000;
/** Seal when this much raw data waits, or when anything has waited so long. */
const SEAL_BYTES = 8 << 20;
const SEAL_AGE_MS = 20_000;
const RETENTION_CHECK_MS = 60_000;

/** Background work of the HTTP process: one round at a time, never two of a kind; a failed round is retried by the next. */
@Injectable()
export class LakeJobs implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = childLogger('lake');
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly running = new Set<Promise<unknown>>();
  private readonly failing = new Set<string>();
  private stopped = false;

  constructor(
    private readonly sealer: ParquetSealer,
    private readonly compactor: ParquetCompactor,
    private readonly retention: LakeRetention,
  ) {}

  onApplicationBootstrap(): void {
    this.every('seal', SEAL_CHECK_MS, () => this.sealer.sealIfDue(SEAL_BYTES, SEAL_AGE_MS));
    this.every('compact', RETENTION_CHECK_MS, () => this.compactor.compactOne(Date.now()));
    this.every('delete-retired', RETENTION_CHECK_MS, () => this.compactor.deleteRetired(Date.now()));
    this.every('retention', RETENTION_CHECK_MS, () => this.retention.prune(Date.now()));
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    for (const timer of this.timers) clearInterval(timer);
    await Promise.all(this.running);
  }

  private every(name: string, intervalMs: number, work: () => Promise<unknown>): void {
    let busy = false;
    const round = async () => {
      try {
        await work();
        if (this.failing.delete(name)) this.log.info({ job: name }, 'lake job works again');
      } catch (error) {
        // Said once per outage: the next round tries again, and readiness tells of a lost database by itself.
        if (!this.failing.has(name)) this.log.error({ err: error, job: name }, 'lake job fails');
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
}
