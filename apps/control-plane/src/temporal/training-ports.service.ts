import { performance } from 'node:perf_hooks';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { FEATURE_SPEC_HASH } from '#domain/features';
import { openOnnxSession, openServedModel } from '../../../../activities/onnx-session';
import { permanent } from '../../../../activities/permanent-failure';
import type { TrainingPorts, TrainingWindow } from '../../../../activities/training-ports';
import { ControlPlaneConfig } from '../config';
import { LoggedBids } from '../lake/logged-bids.service';
import { EmptyWindowError, WindowService } from '../lake/window.service';
import { ArtifactStore } from '../registry/artifact-store';
import { ModelRepository } from '../registry/model.repository';
import { AttemptRepository } from '../training/attempt.repository';
import { ProgressReporter } from '../training/progress-reporter.service';
import { TrainingRunRepository } from '../training/training-run.repository';
import { ServedPolicies } from './served-policies.service';

/** What `retrainAgents` needs of the control plane: one constructor argument per port, joined here and nowhere else. */
@Injectable()
export class TrainingPortsService {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly database: DataSource,
    private readonly windows: WindowService,
    private readonly artifacts: ArtifactStore,
    private readonly models: ModelRepository,
    private readonly attempts: AttemptRepository,
    private readonly progress: ProgressReporter,
    private readonly runs: TrainingRunRepository,
    private readonly served: ServedPolicies,
    private readonly bids: LoggedBids,
  ) {}

  ports(): TrainingPorts {
    return {
      freezeWindow: (input) => this.freeze(input),
      winRows: (windowId) => this.windows.winRows(windowId),
      windowProfile: (windowId) => this.windows.profile(windowId),
      trafficByHourOfWeek: (windowId) => this.windows.trafficByHourOfWeek(windowId),
      champion: (cell, agent) => this.served.champion(cell, agent),
      loggedBids: (query) => this.bids.read(query),
      snapshot: (snapshotId) => this.served.snapshot(snapshotId),
      artifacts: this.artifacts,
      openSession: openOnnxSession,
      openServed: openServedModel,
      featureSpecHash: FEATURE_SPEC_HASH,
      market: (cell) => this.served.market(cell),
      attempts: this.attempts,
      reportProgress: (input) => this.progress.report(input),
      register: (input) => this.register(input),
      saveRun: (run) => this.runs.save(run),
      codeSha: this.config.codeSha,
      now: () => Date.now(),
      elapsedMs: () => performance.now(),
    };
  }

  /** An empty window is a finding, not a fault of the lake: it travels by its code and is not retried. */
  private async freeze(input: { fromMs: number; toMs: number }): Promise<TrainingWindow> {
    try {
      const { windowId, contentSha256, rows, fromMs, toMs, excluded, excludedRows } = await this.windows.freeze(input);
      return { windowId, contentSha256, rows, fromMs, toMs, excluded, excludedRows };
    } catch (error) {
      if (error instanceof EmptyWindowError) throw permanent(error.code, error.message);
      throw error;
    }
  }

  private register(input: Parameters<TrainingPorts['register']>[0]): Promise<{ modelVersionId: string }> {
    return this.database.transaction(async (manager) => {
      if (input.fence !== null) await this.attempts.assertCurrent(input.fence, manager);
      return this.models.register(input, manager);
    });
  }
}
