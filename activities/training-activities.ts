/** Activities of `retrainAgents`: window, gates, registration; the making of models is `model-activities.ts`. Queue `training`. */
import { Context } from '@temporalio/activity';
import type { GateResult } from '#domain/contracts';
import { dataSentence, type DataReport, validateWindow } from '#domain/learning';
import { judgeHeldOut } from './held-out-gate';
import { createModelActivities } from './model-activities';
import { judgeByLog } from './ope-gate';
import { permanent } from './permanent-failure';
import { withPulse } from './pulse';
import { judgeOnMarket } from './simulator-gate';
import { ProgressTeller } from './training-progress';
import type { CandidateDraft, TrainingPorts, TrainingRunRow, TrainingWindow, ValidatedWindow } from './training-ports';

/** Closures over `ports`; their names are the activity types. */
export function createTrainingActivities(given: TrainingPorts) {
  const ports = pulsing(given);
  return {
    ...createModelActivities(ports),
    ...createGateActivities(ports),

    async freezeWindow(input: { fromMs: number; toMs: number }): Promise<TrainingWindow> {
      return ports.freezeWindow(input);
    },

    /**
     * The data gate: refuses a window that nothing, or the wrong thing, would be learned from. The failure's type is the first fault's
     * code, its message names them all, its details hold the report.
     */
    async validateWindow(input: {
      window: TrainingWindow;
      agent: 'bid' | 'budget';
      minRows?: number;
    }): Promise<ValidatedWindow> {
      const { window, agent } = input;
      if (window.rows === 0) throw permanent('EMPTY_WINDOW', `window ${window.windowId} holds no rows`);
      if (agent === 'budget') return { rows: window.rows, wins: 0, report: null };
      const rows = await ports.winRows(window.windowId);
      const report = validateWindow(rows, await ports.windowProfile(window.windowId), input.minRows);
      const blocks = report.findings.filter((finding) => finding.severity === 'block');
      if (blocks.length > 0) {
        throw permanent(blocks[0].code, `window ${window.windowId}: ${dataSentence(report)}`, [report]);
      }
      return { rows: report.rowsKept, wins: report.wins, report };
    },

    async registerCandidate(input: {
      key: string;
      draft: CandidateDraft;
      gates: GateResult[];
      data?: DataReport | null;
      createdBy: string;
    }): Promise<{ modelVersionId: string }> {
      const { workflowExecution } = Context.current().info;
      const { draft } = input;
      const manifest = {
        modelVersionId: draft.policy.modelVersionId,
        agent: draft.policy.agent,
        family: 'multi-agent' as const,
        parentId: draft.parentId,
        policy: draft.policy,
        workflowId: workflowExecution?.workflowId ?? 'none',
        runId: workflowExecution?.runId ?? 'none',
        codeSha: ports.codeSha,
        window: draft.window,
        featureSpecHash: ports.featureSpecHash,
        hyperParameters: draft.hyperParameters,
        seed: draft.seed,
        gates: input.gates,
        ...(draft.driftBins === undefined ? {} : { driftBins: draft.driftBins }),
        ...(input.data == null ? {} : { data: input.data }),
        ...(draft.int8 === undefined ? {} : { int8: draft.int8 }),
      };
      return ports.register({ key: input.key, fence: draft.fence ?? null, manifest, createdBy: input.createdBy });
    },

    async saveTrainingRun(run: TrainingRunRow): Promise<void> {
      await ports.saveRun(run);
    },
  };
}

/** Freezing and reading a window take as long as the window is large. */
const pulsing = (ports: TrainingPorts): TrainingPorts => ({
  ...ports,
  freezeWindow: (input) => withPulse(() => ports.freezeWindow(input)),
  winRows: (windowId) => withPulse(() => ports.winRows(windowId)),
  loggedBids: (query) => withPulse(() => ports.loggedBids(query)),
});

/** The offline gates; each says how far it is, and stops where the run is cancelled. */
function createGateActivities(ports: TrainingPorts) {
  return {
    async gateHeldOut(input: { draft: CandidateDraft; cell: string; seed: number }): Promise<GateResult> {
      const { draft, cell, seed } = input;
      const teller = new ProgressTeller(ports, Context.current(), 'bid');
      return judgeHeldOut(ports, {
        candidate: draft.policy,
        champion: await ports.champion(cell, 'bid'),
        windowId: draft.window.windowId,
        seed,
        // Both models read the rows, one after the other: the champion's pass starts again at 0.
        onBatch: (done, of) => teller.tell({ fraction: Math.min(1, done / of) }),
      });
    },

    async gateOpe(input: { draft: CandidateDraft; cell: string; seed: number }): Promise<GateResult> {
      const { draft, cell, seed } = input;
      const teller = new ProgressTeller(ports, Context.current(), 'bid');
      return judgeByLog(ports, {
        candidate: draft.policy,
        champion: await ports.champion(cell, 'bid'),
        window: draft.window,
        seed,
        onBatch: (done, of) => teller.tell({ fraction: done / of }),
      });
    },

    async gateSimulator(input: { draft: CandidateDraft; cell: string; seed: number }): Promise<GateResult> {
      const { agent } = input.draft.policy;
      const teller = new ProgressTeller(ports, Context.current(), agent === 'budget' ? 'budget' : 'bid');
      return judgeOnMarket(ports, {
        candidate: input.draft.policy,
        cell: input.cell,
        seed: input.seed,
        onProgress: (done, of) => teller.tell({ fraction: done / of }),
      });
    },
  };
}

export type TrainingActivities = ReturnType<typeof createTrainingActivities>;
