/** How a long activity says where it is: a heartbeat each time, a report to workflow and API now and then. */
import type { Context } from '@temporalio/activity';
import type { AttemptFence, RunProgress, TrainingPorts } from './training-ports';

/** Reports wait for this much progress and time, or for the longer time: a report is an event in the workflow's history. */
const REPORT_FRACTION = 0.05;
const REPORT_MS = 1000;
const REPORT_AT_LATEST_MS = 15_000;

type Told = Partial<Omit<RunProgress, 'agent' | 'activity' | 'attempt' | 'atMs' | 'etaSeconds'>> & { fraction: number };

/** Fence of the attempt that runs: one key per activity of one run. */
export function fenceOf({ info }: Context): AttemptFence {
  const { workflowId, runId } = info.workflowExecution ?? { workflowId: 'none', runId: 'none' };
  return { key: `${workflowId}/${runId}/${info.activityType}`, attempt: info.attempt };
}

/** Turns fractions into progress with an ETA at the pace of this attempt. */
export class ProgressTeller {
  private readonly startedMs: number;
  private startFraction: number | null = null;
  private reported = { fraction: -1, atMs: 0 };

  constructor(
    private readonly ports: Pick<TrainingPorts, 'reportProgress' | 'now'>,
    private readonly context: Context,
    private readonly agent: RunProgress['agent'],
  ) {
    this.startedMs = ports.now();
  }

  /** @throws when the run was cancelled, or the attempt has been given up by the server. */
  async tell(told: Told): Promise<void> {
    const { context } = this;
    const progress = this.progressOf(told);
    context.heartbeat(progress);
    await this.report(progress);
    // Lets heartbeats and other activities of this process through.
    await context.sleep(0);
  }

  private progressOf(told: Told): RunProgress {
    const atMs = this.ports.now();
    this.startFraction ??= told.fraction;
    const done = told.fraction - this.startFraction;
    const { info } = this.context;
    return {
      ...{ epoch: null, epochs: null, loss: null, rowsPerSecond: null, resumedFromEpoch: 0 },
      ...told,
      agent: this.agent,
      activity: info.activityType,
      attempt: info.attempt,
      etaSeconds: done > 0 ? Math.ceil(((atMs - this.startedMs) * (1 - told.fraction)) / done / 1000) : null,
      atMs,
    };
  }

  private async report(progress: RunProgress): Promise<void> {
    const { fraction, atMs } = this.reported;
    const waitedMs = progress.atMs - atMs;
    const isDue = waitedMs >= REPORT_MS && progress.fraction - fraction >= REPORT_FRACTION;
    if (!isDue && waitedMs < REPORT_AT_LATEST_MS) return;
    this.reported = { fraction: progress.fraction, atMs: progress.atMs };
    const { workflowId, runId } = this.context.info.workflowExecution ?? { workflowId: 'none', runId: 'none' };
    await this.ports.reportProgress({ workflowId, runId, progress });
  }
}
