import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { IntervalJobs } from '../interval-jobs';
import { LakeRetention } from './lake-retention';
import { ParquetCompactor } from './parquet-compactor.service';
import { ParquetSealer } from './parquet-sealer.service';

const SEAL_CHECK_MS = 3_000;
/** Seal when this much raw data waits, or when anything has waited so long. */
const SEAL_BYTES = 8 << 20;
const SEAL_AGE_MS = 20_000;
const RETENTION_CHECK_MS = 60_000;

/** The lake's background work in the HTTP process. */
@Injectable()
export class LakeJobs implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly jobs = new IntervalJobs('lake');

  constructor(
    private readonly sealer: ParquetSealer,
    private readonly compactor: ParquetCompactor,
    private readonly retention: LakeRetention,
  ) {}

  onApplicationBootstrap(): void {
    this.jobs.every('seal', SEAL_CHECK_MS, () => this.sealer.sealIfDue(SEAL_BYTES, SEAL_AGE_MS));
    this.jobs.every('compact', RETENTION_CHECK_MS, () => this.compactor.compactOne(Date.now()));
    this.jobs.every('delete-retired', RETENTION_CHECK_MS, () => this.compactor.deleteRetired(Date.now()));
    this.jobs.every('retention', RETENTION_CHECK_MS, () => this.retention.prune(Date.now()));
  }

  onApplicationShutdown(): Promise<void> {
    return this.jobs.stop();
  }
}
