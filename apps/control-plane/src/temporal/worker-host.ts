import {
  bundleWorkflowCode,
  DefaultLogger,
  makeTelemetryFilterString,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { bundlerOptions } from '../../../../workflows/bundler-options';
import { CONTROL_QUEUE, TRAINING_QUEUE } from '../../../../workflows/workflow-ids';
import { childLogger } from '../logger';

export interface WorkerHostOptions {
  address: string;
  namespace: string;
  /** How long a dead worker's sticky queue delays its successor, ms. */
  stickyQueueMs: number;
  /** Prometheus endpoint of the SDK, or null. */
  metricsAddress: string | null;
  /** Activities of the queue `control`, and of `training`. */
  control: object;
  training: object;
}

/** Time that activities get to end after a shutdown was asked for. */
const GRACE = '10s';

/** Must run before any other Temporal object of the process: the runtime is one per process. */
export function installRuntime(metricsAddress: string | null): void {
  const log = childLogger('temporal');
  Runtime.install({
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => log.warn({ level, meta }, message)),
    // Signals are ours: Nest's hooks and the SDK's own would both call shutdown.
    shutdownSignals: [],
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) },
      ...(metricsAddress === null ? {} : { metrics: { prometheus: { bindAddress: metricsAddress } } }),
    },
  });
}

/** The workers of this process: `control` runs workflows and quick activities, `training` slow ones. */
export class WorkerHost {
  private readonly log = childLogger('worker');
  private running: Promise<void>[] = [];

  private constructor(
    private readonly connection: NativeConnection,
    private readonly workers: Worker[],
  ) {}

  static async create(options: WorkerHostOptions): Promise<WorkerHost> {
    const connection = await NativeConnection.connect({ address: options.address });
    const { namespace } = options;
    const workflowBundle: WorkflowBundleWithSourceMap = await bundleWorkflowCode({
      ...bundlerOptions(),
      logger: new DefaultLogger('WARN'),
    });
    const control = await Worker.create({
      connection,
      namespace,
      taskQueue: CONTROL_QUEUE,
      workflowBundle,
      activities: options.control,
      maxCachedWorkflows: 200,
      // A serving canary's guard holds a slot as long as it serves and mostly sleeps: with few slots, fifty canaries would leave
      // none for their own looks. The work itself is bounded by the database pool.
      maxConcurrentActivityTaskExecutions: 500,
      stickyQueueScheduleToStartTimeout: options.stickyQueueMs,
      shutdownGraceTime: GRACE,
    });
    const training = await Worker.create({
      connection,
      namespace,
      taskQueue: TRAINING_QUEUE,
      activities: options.training,
      // Two cores: one training at a time leaves the other to everything else.
      maxConcurrentActivityTaskExecutions: 1,
      shutdownGraceTime: GRACE,
    });
    return new WorkerHost(connection, [control, training]);
  }

  /** Starts polling. `onFailure` is called when a worker dies: the process must not live on without it. */
  start(onFailure: (error: unknown) => void): void {
    this.running = this.workers.map((worker) => {
      const run = worker.run();
      run.catch(onFailure);
      return run;
    });
    this.log.info({ queues: [CONTROL_QUEUE, TRAINING_QUEUE] }, 'worker polls');
  }

  isRunning(): boolean {
    return this.workers.every((worker) => worker.getState() === 'RUNNING');
  }

  /** Drains and closes; calling it again, or after a failure, does nothing more. */
  async stop(): Promise<void> {
    for (const worker of this.workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await Promise.allSettled(this.running);
    await this.connection.close();
  }
}
