import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { GateResult, Intent } from '#domain/contracts';
import type { CandidateDraft, TrainingRunRow, TrainingWindow } from '../../activities/training-ports';

export interface TrainingStubOptions {
  /** Fails `validateWindow` with this code, as one-class or empty data do. */
  dataFault?: string;
  failedGate?: GateResult['gate'];
  /** Training that only ends by cancellation. */
  trainsForEver?: boolean;
}

const gate = (name: GateResult['gate'], options: TrainingStubOptions): GateResult => ({
  gate: name,
  passed: options.failedGate !== name,
  value: 0.1,
  bound: -0.02,
  n: 1000,
  reason: options.failedGate === name ? 'worse than the champion' : 'as good as the champion',
});

/** Stub activities of retraining that record what the workflow asked for. */
export function stubTraining(options: TrainingStubOptions = {}) {
  const log: string[] = [];
  const rows: TrainingRunRow[] = [];
  const intents: Intent[] = [];
  const draft = (window: TrainingWindow): CandidateDraft =>
    ({ policy: { modelVersionId: 'bid-new', agent: 'bid' }, window, seed: 1 }) as unknown as CandidateDraft;
  const activities = {
    async freezeWindow(input: { fromMs: number; toMs: number }): Promise<TrainingWindow> {
      log.push('freeze');
      return { windowId: 'win-1', contentSha256: 'ab'.repeat(32), rows: 5000, ...input };
    },
    async validateWindow() {
      if (options.dataFault !== undefined) {
        throw ApplicationFailure.create({ type: options.dataFault, message: 'nothing to learn', nonRetryable: true });
      }
      return { rows: 5000, wins: 900 };
    },
    async trainBidModel(input: { window: TrainingWindow }) {
      log.push('train');
      const context = Context.current();
      while (options.trainsForEver) {
        context.heartbeat({ epoch: 1 });
        await context.sleep(50);
      }
      return draft(input.window);
    },
    async adoptBidModel(input: { window: TrainingWindow; sha256: string }) {
      log.push(`adopt ${input.sha256}`);
      return draft(input.window);
    },
    async fitBudgetPolicy(input: { window: TrainingWindow }) {
      log.push('fit');
      return draft(input.window);
    },
    checkParity: async () => gate('parity', options),
    gateHeldOut: async () => gate('held-out-likelihood', options),
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
  return { activities, log, rows, intents };
}
