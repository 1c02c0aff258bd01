import { readFile } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import { FEATURE_SPEC_HASH } from '#domain/features';
import { parseScenario } from '#domain/market';
import { openOnnxSession } from '../../../../activities/onnx-session';
import { permanent } from '../../../../activities/permanent-failure';
import type { TrainingPorts } from '../../../../activities/training-ports';
import { ControlPlaneConfig } from '../config';
import { SnapshotStore } from '../edges/snapshot-store';
import { EmptyWindowError, WindowService } from '../lake/window.service';
import { ArtifactStore } from '../registry/artifact-store';
import { ModelRepository } from '../registry/model.repository';
import { PointerRepository } from '../registry/pointer.repository';
import { TrainingRunRepository } from '../training/training-run.repository';

/** What `retrainAgents` needs of the control plane. */
@Injectable()
export class TrainingPortsService {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly windows: WindowService,
    private readonly artifacts: ArtifactStore,
    private readonly models: ModelRepository,
    private readonly pointers: PointerRepository,
    private readonly runs: TrainingRunRepository,
    private readonly snapshots: SnapshotStore,
  ) {}

  ports(): TrainingPorts {
    return {
      freezeWindow: (input) => this.freeze(input),
      winRows: (windowId) => this.windows.winRows(windowId),
      trafficByHourOfWeek: (windowId) => this.windows.trafficByHourOfWeek(windowId),
      champion: (cell, agent) => this.champion(cell, agent),
      artifacts: this.artifacts,
      openSession: openOnnxSession,
      featureSpecHash: FEATURE_SPEC_HASH,
      market: (cell) => this.market(cell),
      register: (input) => this.models.register(input),
      saveRun: (run) => this.runs.save(run),
      codeSha: this.config.codeSha,
      now: () => Date.now(),
    };
  }

  /** An empty window is a finding, not a fault of the lake: it travels by its code and is not retried. */
  private async freeze(input: { fromMs: number; toMs: number }) {
    try {
      const { windowId, contentSha256, rows, fromMs, toMs } = await this.windows.freeze(input);
      return { windowId, contentSha256, rows, fromMs, toMs };
    } catch (error) {
      if (error instanceof EmptyWindowError) throw permanent(error.code, error.message);
      throw error;
    }
  }

  private async champion(cell: string, agent: 'bid' | 'budget') {
    const pointer = await this.pointers.find(cell, agent, 'champion');
    const model = pointer === null ? null : await this.models.find(pointer.modelVersionId);
    if (model === null) throw permanent('NO_CHAMPION', `${cell} has no champion of ${agent}: seed the registry first`);
    return model.manifest.policy;
  }

  private async market(cell: string) {
    const latest = await this.snapshots.latest(cell);
    if (latest === null) throw permanent('NOTHING_SERVED', `no snapshot of ${cell} has been published yet`);
    const snapshot = await this.snapshots.snapshot(latest.snapshotId);
    return { scenario: parseScenario(JSON.parse(await readFile(this.config.gateScenario, 'utf8'))), snapshot };
  }
}
