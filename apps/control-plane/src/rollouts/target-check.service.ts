import { Injectable } from '@nestjs/common';
import type { Agent, AgentPolicy } from '#domain/contracts';
import { judgeParity } from '../../../../activities/check-parity';
import { openOnnxSession } from '../../../../activities/onnx-session';
import type { Fault } from '../../../../activities/rollout-activities';
import { EdgeFleet } from '../edges/edge-fleet.service';
import { ArtifactStore } from '../registry/artifact-store';
import { ModelRepository } from '../registry/model.repository';

/** Checks that a version can really serve: its artifact is the registered one, it loads, and edges are there to take it. */
@Injectable()
export class TargetCheck {
  constructor(
    private readonly models: ModelRepository,
    private readonly artifacts: ArtifactStore,
    private readonly fleet: EdgeFleet,
  ) {}

  /** Every reason why `modelVersionId` cannot be a roll-back target of `agent` now; none = it can. */
  async faults(agent: Agent, modelVersionId: string): Promise<Fault[]> {
    const fault = (code: string, detail: string): Fault => ({ pointer: '/rollbackTarget', code, detail });
    const model = await this.models.find(modelVersionId);
    if (model?.manifest.agent !== agent) return [fault('NO_TARGET', `${modelVersionId} is no version of ${agent}`)];
    const faults: Fault[] = [];
    const broken = await this.artifactFault(modelVersionId, true);
    if (broken !== null) faults.push(fault('TARGET_BROKEN', `roll-back target ${modelVersionId}: ${broken}`));
    if ((await this.fleet.liveEdges()) === 0) {
      const detail =
        'no edge is connected: nothing could be served, and no roll-back acknowledged; start an edge first';
      faults.push(fault('NO_EDGES', detail));
    }
    return faults;
  }

  /**
   * Why the artifact of a version is not the one that was registered and passed the gates (missing, altered, does not load), or
   * null. `load` opens it as the edges do. A version without an artifact (rules only) has nothing to check.
   */
  async artifactFault(modelVersionId: string, load = false): Promise<string | null> {
    const model = await this.models.find(modelVersionId);
    if (model === null) return `there is no model version ${modelVersionId}`;
    const { artifact } = model.manifest.policy;
    if (artifact === null) return null;
    try {
      const bytes = await this.artifacts.get(artifact.sha256);
      if (bytes.byteLength !== artifact.sizeBytes)
        return `artifact ${artifact.sha256} has ${bytes.byteLength} bytes, ${artifact.sizeBytes} were registered`;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOENT') return `artifact ${artifact.sha256} is missing from the store`;
      // A disk that does not answer says nothing about the artifact: the caller tries again.
      if (code !== undefined || !(error instanceof Error)) throw error;
      return error.message;
    }
    return load ? this.loadFault(model.manifest.policy) : null;
  }

  /** Opens the artifact as the edges do and runs its golden vectors. */
  private async loadFault(policy: AgentPolicy): Promise<string | null> {
    try {
      const { passed, reason } = await judgeParity({ openSession: openOnnxSession, artifacts: this.artifacts }, policy);
      return passed ? null : reason;
    } catch (error) {
      return `it does not load: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
}
