import { createHash } from 'node:crypto';
import {
  bundleWorkflowCode,
  DefaultLogger,
  makeTelemetryFilterString,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { pulseShortActivities } from '../../../../activities/pulse';
import { bundlerOptions } from '../../../../workflows/bundler-options';
import { CONTROL_QUEUE, TASK_QUEUES } from '../../../../workflows/workflow-ids';
import { childLogger } from '../logger';

export interface WorkerHostOptions {
  address: string;
  namespace: string;
  /** How long a dead worker's sticky queue delays its successor, ms. */
  stickyQueueMs: number;
  /** Commit of the running code, shown in every history it moves; null = the digest of the workflow bundle instead. */
  codeSha?: string | null;
  /** Whether Temporal routes tasks by build; then `codeSha` is needed, and somebody makes it current. Off when absent. */
  versioning?: WorkerVersioning;
  /** Activities of the queue `control`, and of all the others: an agent's learning is chosen by its workflow. */
  control: object;
  training: object;
  /** Queues to serve, out of `TASK_QUEUES`; all when absent. */
  queues?: readonly string[];
}

export type WorkerVersioning = 'off' | 'auto-upgrade';

/** Name under which Temporal lists the versions of our workers. */
export const DEPLOYMENT = 'adloop';
/** Digits of a digest that tell two bundles apart. */
const DIGEST_DIGITS = 16;

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

/** The workers of this process, one per queue: `control` runs workflows and quick activities, the others slow ones. */
export class WorkerHost {
  private readonly log = childLogger('worker');
  private running: Promise<void>[] = [];

  private constructor(
    private readonly connection: NativeConnection,
    private readonly workers: Worker[],
    private readonly queues: readonly string[],
  ) {}

  static async create(options: WorkerHostOptions): Promise<WorkerHost> {
    const connection = await NativeConnection.connect({ address: options.address });
    const queues = options.queues ?? TASK_QUEUES;
    const unknown = queues.filter((queue) => !TASK_QUEUES.includes(queue));
    if (unknown.length > 0) throw new Error(`no such task queue: ${unknown.join(', ')}`);
    const workers: Worker[] = [];
    for (const taskQueue of queues) {
      const create = taskQueue === CONTROL_QUEUE ? controlWorker : slowWorker;
      workers.push(await create(connection, options, taskQueue));
    }
    return new WorkerHost(connection, workers, queues);
  }

  /** Starts polling. `onFailure` is called when a worker dies: the process must not live on without it. */
  start(onFailure: (error: unknown) => void): void {
    this.running = this.workers.map((worker) => {
      const run = worker.run();
      run.catch(onFailure);
      return run;
    });
    this.log.info({ queues: this.queues }, 'worker polls');
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

/** Workflows and quick activities. Only this one needs the workflow bundle. */
async function controlWorker(
  connection: NativeConnection,
  options: WorkerHostOptions,
  taskQueue: string,
): Promise<Worker> {
  const workflowBundle: WorkflowBundleWithSourceMap = await bundleWorkflowCode({
    ...bundlerOptions(),
    logger: new DefaultLogger('WARN'),
  });
  return Worker.create({
    connection,
    namespace: options.namespace,
    taskQueue,
    workflowBundle,
    ...versionOf(options.codeSha ?? bundleDigest(workflowBundle), options.versioning),
    activities: options.control,
    interceptors: { activity: [pulseShortActivities] },
    maxCachedWorkflows: 200,
    // A serving canary's guard holds a slot as long as it serves and mostly sleeps: with few slots, fifty canaries would leave
    // none for their own looks. The work itself is bounded by the database pool.
    maxConcurrentActivityTaskExecutions: 500,
    stickyQueueScheduleToStartTimeout: options.stickyQueueMs,
    shutdownGraceTime: GRACE,
  });
}

/** Learning and gates. One at a time per queue: two cores, and the other one belongs to everything else. */
function slowWorker(connection: NativeConnection, options: WorkerHostOptions, taskQueue: string): Promise<Worker> {
  return Worker.create({
    connection,
    namespace: options.namespace,
    taskQueue,
    ...versionOf(options.codeSha ?? 'unknown', options.versioning),
    activities: options.training,
    maxConcurrentActivityTaskExecutions: 1,
    // A cancelled training hears of it with a heartbeat: at the default it would compute on for up to 24 s.
    maxHeartbeatThrottleInterval: '5s',
    shutdownGraceTime: GRACE,
  });
}

const bundleDigest = ({ code }: { code: string }): string =>
  `bundle-${createHash('sha256').update(code).digest('hex').slice(0, DIGEST_DIGITS)}`;

/**
 * Says in every workflow task which build moved it. With `auto-upgrade` Temporal gives tasks only to the build that is current, and
 * running workflows move with it; `patched()` keeps them deterministic either way (docs/decisions/021).
 */
export const versionOf = (buildId: string, versioning: WorkerVersioning = 'off') => {
  const version = { deploymentName: DEPLOYMENT, buildId };
  return {
    workerDeploymentOptions:
      versioning === 'off'
        ? { version, useWorkerVersioning: false as const }
        : { version, useWorkerVersioning: true as const, defaultVersioningBehavior: 'AUTO_UPGRADE' as const },
  };
};
