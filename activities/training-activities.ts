/** Activities of `retrainAgents`: window, gates, registration; the making of models is `model-activities.ts`. Queue `training`. */
import { Context } from '@temporalio/activity';
import type { GateResult } from '#domain/contracts';
import { judgeHeldOut } from './held-out-gate';
import { createModelActivities } from './model-activities';
import { permanent } from './permanent-failure';
import { judgeOnMarket } from './simulator-gate';
import type { CandidateDraft, TrainingPorts, TrainingRunRow, TrainingWindow } from './training-ports';

/** Closures over `ports`; their names are the activity types. */
export function createTrainingActivities(ports: TrainingPorts) {
  return {
    ...createModelActivities(ports),
    ...createGateActivities(ports),

    async freezeWindow(input: { fromMs: number; toMs: number }): Promise<TrainingWindow> {
      return { ...(await ports.freezeWindow(input)), ...input };
    },

    /** Refuses a window that nothing can be learned from, by the same codes as the trainer. */
    async validateWindow(input: {
      window: TrainingWindow;
      agent: 'bid' | 'budget';
    }): Promise<{ rows: number; wins: number }> {
      const { window, agent } = input;
      if (window.rows === 0) throw permanent('EMPTY_WINDOW', `window ${window.windowId} holds no rows`);
      if (agent === 'budget') return { rows: window.rows, wins: 0 };
      const rows = await ports.winRows(window.windowId);
      const wins = rows.filter((row) => row.won).length;
      if (rows.length === 0) throw permanent('EMPTY_WINDOW', `window ${window.windowId} holds no bids`);
      if (wins === 0 || wins === rows.length) {
        throw permanent(
          'ONE_CLASS',
          `all ${rows.length} bids of window ${window.windowId} were ${wins === 0 ? 'lost' : 'won'}`,
        );
      }
      return { rows: rows.length, wins };
    },

    async registerCandidate(input: {
      key: string;
      draft: CandidateDraft;
      gates: GateResult[];
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
      };
      return ports.register({ key: input.key, manifest, createdBy: input.createdBy });
    },

    async saveTrainingRun(run: TrainingRunRow): Promise<void> {
      await ports.saveRun(run);
    },
  };
}

/** The offline gates; each heartbeats, and stops where the run is cancelled. */
function createGateActivities(ports: TrainingPorts) {
  return {
    async gateHeldOut(input: { draft: CandidateDraft; cell: string; seed: number }): Promise<GateResult> {
      const { draft, cell, seed } = input;
      const { heartbeat, cancelled } = beats();
      return judgeHeldOut(ports, {
        candidate: draft.policy,
        champion: await ports.champion(cell, 'bid'),
        windowId: draft.window.windowId,
        seed,
        onBatch: async (done, of) => {
          heartbeat({ gate: 'held-out-likelihood', done, of });
          cancelled.throwIfAborted();
        },
      });
    },

    async gateSimulator(input: { draft: CandidateDraft; cell: string; seed: number }): Promise<GateResult> {
      const { heartbeat, cancelled } = beats();
      return judgeOnMarket(ports, {
        candidate: input.draft.policy,
        cell: input.cell,
        seed: input.seed,
        onProgress: async (done, of) => {
          heartbeat({ gate: 'simulator', done, of });
          cancelled.throwIfAborted();
          await new Promise((resolve) => setImmediate(resolve));
        },
      });
    },
  };
}

function beats(): { heartbeat(details: unknown): void; cancelled: AbortSignal } {
  const context = Context.current();
  return { heartbeat: (details) => context.heartbeat(details), cancelled: context.cancellationSignal };
}

export type TrainingActivities = ReturnType<typeof createTrainingActivities>;
