import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ControlPlaneConfig } from '../config';
import { SnapshotPublisher } from '../edges/snapshot-publisher.service';
import { IntervalJobs } from '../interval-jobs';
import { IdempotentConsumer } from '../messages/idempotent-consumer';
import { MessageQueue } from '../messages/message-queue';
import { ActiveIntents, isServed } from './active-intents';
import { ConflictLedger } from './conflict-ledger.service';
import { SlowDecisions } from './slow-decisions.service';

const DECIDE_MS = 60_000;

/** The agents' background work in the HTTP process: slow decisions, hourly sums, and what follows from an entry of the ledger. */
@Injectable()
export class AgentJobs implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly jobs = new IntervalJobs('agents');

  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly database: DataSource,
    private readonly queue: MessageQueue,
    private readonly active: ActiveIntents,
    private readonly decisions: SlowDecisions,
    private readonly conflicts: ConflictLedger,
    private readonly publisher: SnapshotPublisher,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    // Without a database (route tests) there is nothing to deliver.
    if (!this.database.isInitialized) return;
    await this.queue.subscribe(
      new IdempotentConsumer(this.database, {
        name: 'active-intents',
        topics: ['ledger.appended'],
        apply: (messages, manager) => this.active.apply(messages, manager),
        after: async (messages) => {
          // An unchanged snapshot is not published again, so a repetition does no harm.
          if (messages.some(isServed)) await this.publisher.publishChange('agents announced intents');
        },
      }),
    );
    this.jobs.every('slow-decisions', DECIDE_MS, () => this.decisions.publishDue(Date.now()));
    this.jobs.every('conflict-sums', DECIDE_MS, () => this.conflicts.sumDue(this.config.cell, Date.now()));
    this.jobs.every('prune-intents', DECIDE_MS, () => this.active.prune(Date.now()));
  }

  onApplicationShutdown(): Promise<void> {
    return this.jobs.stop();
  }
}
