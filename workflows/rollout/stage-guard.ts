import { CancellationScope, isCancellation } from '@temporalio/workflow';
import { guards } from '../proxies';
import type { RolloutRun } from './rollout-run';

/** The long-running guard activity of one stage: it renews the lease of the share, and fires. */
export class StageGuard {
  fired: string | null = null;
  private readonly scope = new CancellationScope({ cancellable: true });
  private running: Promise<void> | null = null;

  constructor(private readonly run: RolloutRun) {}

  /** Starts it once; again changes nothing. */
  start(): void {
    if (this.running !== null) return;
    const { view, input } = this.run;
    view.guard = 'holding';
    this.running = this.scope.run(async () => {
      try {
        const end = await guards.guardCanary.executeWithOptions(
          { summary: `guard stage ${view.stage} at ${view.shareBps / 100} %, renews its lease` },
          [
            {
              rolloutId: view.rolloutId,
              cell: view.cell,
              stage: view.stage,
              shareBps: view.shareBps,
              bucketSeconds: input.plan.bucketSeconds,
            },
          ],
        );
        view.guard = 'fired';
        this.fired = end.reason;
      } catch (error) {
        if (!isCancellation(error)) throw error;
      }
    });
  }

  async end(): Promise<void> {
    if (this.running === null) return;
    this.scope.cancel();
    if (this.run.view.guard === 'holding') this.run.view.guard = 'idle';
    await this.running;
  }
}
