import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { childLogger } from '../logger';
import { ForecastScores } from './forecast-scores.service';

const EVERY_MS = 30_000;

/** Scores forecasts soon after a rollout ends; a round that fails is made up for by the next. */
@Injectable()
export class ForecastJob implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = childLogger('forecasts');
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private failing = false;

  constructor(private readonly scores: ForecastScores) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.running ??= this.round().finally(() => (this.running = null));
    }, EVERY_MS);
    this.timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await this.running;
  }

  private async round(): Promise<void> {
    try {
      await this.scores.scoreEnded();
      if (this.failing) this.log.info('forecasts are scored again');
      this.failing = false;
    } catch (error) {
      // Said once per outage: readiness tells of a lost database by itself.
      if (!this.failing) this.log.error({ err: error }, 'forecasts cannot be scored');
      this.failing = true;
    }
  }
}
