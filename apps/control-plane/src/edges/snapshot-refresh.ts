import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { childLogger } from '../logger';
import { SnapshotPublisher } from './snapshot-publisher.service';

/** Creative statistics and ended flights reach the edges at least this often. */
const EVERY_MS = 5 * 60_000;

/** Publishes now and then what changes by itself; an unchanged snapshot is not published. Started by `main.ts` only. */
@Injectable()
export class SnapshotRefresh implements OnApplicationShutdown {
  private readonly log = childLogger('snapshots');
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly publisher: SnapshotPublisher) {}

  start(): void {
    this.timer ??= setInterval(() => {
      this.publisher.publishChange('refresh').catch((error: unknown) => {
        this.log.warn({ err: error }, 'refresh failed; the edges keep what they have until the next one');
      });
    }, EVERY_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    if (this.timer) clearInterval(this.timer);
  }
}
