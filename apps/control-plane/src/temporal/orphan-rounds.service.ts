import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ExperimentReaper } from '../experiments/experiment-reaper.service';
import { childLogger } from '../logger';
import { OrphanReaper } from '../rollouts/orphan-reaper.service';

const EVERY_MS = 15_000;

/** Looks now and then for rollouts and experiments whose workflow is gone; started by the worker, because one process should. */
@Injectable()
export class OrphanRounds implements OnApplicationShutdown {
  private readonly log = childLogger('orphans');
  private timer: NodeJS.Timeout | null = null;
  private round: Promise<void> | null = null;

  constructor(
    private readonly rollouts: OrphanReaper,
    private readonly experiments: ExperimentReaper,
  ) {}

  start(everyMs = EVERY_MS): void {
    this.timer = setInterval(() => {
      // A slow round is not overtaken by the next.
      this.round ??= this.look().finally(() => (this.round = null));
    }, everyMs);
    this.timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await this.round;
  }

  /** A failed look says so and is repeated by the next round: Temporal or Postgres may be away. Neither holds up the other. */
  private async look(): Promise<void> {
    for (const reaper of [this.rollouts, this.experiments]) {
      try {
        await reaper.reapAll();
      } catch (error) {
        this.log.warn({ err: error }, 'no look at orphans');
      }
    }
  }
}
