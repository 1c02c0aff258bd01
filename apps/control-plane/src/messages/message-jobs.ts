import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { IntervalJobs } from '../interval-jobs';
import { PostgresMessageQueue } from './postgres-message-queue';

const PRUNE_MS = 10 * 60_000;

/** Keeps the outbox short, and ends deliveries before the database closes. */
@Injectable()
export class MessageJobs implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly jobs = new IntervalJobs('messages');

  constructor(private readonly queue: PostgresMessageQueue) {}

  onApplicationBootstrap(): void {
    this.jobs.every('prune-messages', PRUNE_MS, () => this.queue.prune(Date.now()));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.jobs.stop();
  }

  /** Before any module closes its connections. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.queue.stop();
  }
}
