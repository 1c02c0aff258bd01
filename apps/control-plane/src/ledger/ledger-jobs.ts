import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { IntervalJobs } from '../interval-jobs';
import { HeadSigner } from './head-signer.service';

const HEAD_CHECK_MS = 60_000;

/** The ledger's background work in the HTTP process. */
@Injectable()
export class LedgerJobs implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly jobs = new IntervalJobs('ledger');

  constructor(private readonly heads: HeadSigner) {}

  onApplicationBootstrap(): void {
    this.jobs.every('sign-heads', HEAD_CHECK_MS, () => this.heads.signDue(Date.now()));
  }

  onApplicationShutdown(): Promise<void> {
    return this.jobs.stop();
  }
}
