import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { GateResult, Intent } from '#domain/contracts';
import type { DataReport } from '#domain/learning';
import type {
  CandidateDraft,
  RunProgress,
  TrainingRunRow,
  TrainingWindow,
  ValidatedWindow,
} from '../../activities/training-ports';

export interface TrainingStubOptions {
  /** Fails `validateWindow` with this code, as one-class or empty data do. */
  dataFault?: string;
  failedGate?: GateResult['gate'];
  /** Training that only ends by cancellation. */
  trainsForEver?: boolean;
  /** Progress that training tells, and how long it then goes on, ms. */
  tells?: RunProgress;
  holdsMs?: number;
}

const gate = (name: GateResult['gate'], options: TrainingStubOptions): GateResult => ({
  gate: name,
  passed: options.failedGate !== name,
  value: 0.1,
  bound: -0.02,
  n: 1000,
  reason: options.failedGate === name ? 'worse than the champion' : 'as good as the champion',
});

const report = {
  ...{ verdict: 'pass' as const, rowsIn: 5000, rowsKept: 5000, wins: 900, findings: [] },
  filtered: {} as DataReport['filtered'],
};

/** Stub activities of retraining that record what the workflow asked for. */
export function stubTraining(options: TrainingStubOptions = {}) {
  const log: string[] = [];
  const rows: TrainingRunRow[] = [];
  const intents: Intent[] = [];
  const draft = (window: TrainingWindow): CandidateDraft =>
    ({ policy: { modelVersionId: 'bid-new', agent: 'bid' }, window, seed: 1 }) as unknown as CandidateDraft;
  /** Queue that each learning activity ran on. */
  const queues: Record<string, string> = {};
  const noteQueue = () => {
    const { activityType, taskQueue } = Context.current().info;
    queues[activityType] = taskQueue;
  };
  const activities = {
    async freezeWindow(input: { fromMs: number; toMs: number }): Promise<TrainingWindow> {
      log.push('freeze');
      return { windowId: 'win-1', contentSha256: 'ab'.repeat(32), rows: 5000, ...input };
    },
    async validateWindow(input: { agent: string }): Promise<ValidatedWindow> {
      if (options.dataFault !== undefined && input.agent === 'bid') {
        const details = [{ ...report, verdict: 'block' }];
        throw ApplicationFailure.create({
          ...{ type: options.dataFault, message: 'nothing to learn', nonRetryable: true, details },
        });
      }
      return { rows: 5000, wins: 900, report: input.agent === 'bid' ? report : null };
    },
    async trainBidModel(input: { window: TrainingWindow }) {
      log.push('train');
      noteQueue();
      const context = Context.current();
      if (options.tells !== undefined) {
        const { workflowId } = context.info.workflowExecution!;
        await context.client.workflow.getHandle(workflowId).signal('trainingProgressed', options.tells);
      }
      await context.sleep(options.holdsMs ?? 0);
      while (options.trainsForEver) {
        context.heartbeat({ epoch: 1 });
        await context.sleep(50);
      }
      return draft(input.window);
    },
    async quantiseTwin(input: { draft: CandidateDraft }) {
      noteQueue();
      return { ...input.draft, int8: { shipped: false, reason: 'not shipped: not faster' } };
    },
    async adoptBidModel(input: { window: TrainingWindow; sha256: string }) {
      log.push(`adopt ${input.sha256}`);
      return draft(input.window);
    },
    async fitBudgetPolicy(input: { window: TrainingWindow }) {
      log.push('fit');
      noteQueue();
      return draft(input.window);
    },
    checkParity: async () => gate('parity', options),
    gateHeldOut: async () => gate('held-out-likelihood', options),
    gateOpe: async () => gate('ope', options),
    gateSimulator: async () => gate('simulator', options),
    async registerCandidate(input: { gates: GateResult[] }) {
      log.push(`register with ${input.gates.length} gates`);
      return { modelVersionId: 'bid-new' };
    },
    async saveTrainingRun(row: TrainingRunRow) {
      rows.push(row);
    },
    async appendIntent(intent: Intent) {
      intents.push(intent);
    },
  };
  return { activities, log, rows, intents, queues };
}
