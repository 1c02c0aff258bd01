import { Injectable } from '@nestjs/common';
import type { Fault, RolloutSubject } from '../../../../activities/rollout-activities';
import { ArtifactStore } from '../registry/artifact-store';
import { ModelRepository } from '../registry/model.repository';
import { PlanFacts, type PlanFindings } from './plan-facts';

/** Every reason why a release cannot start: of its plan by domain/rollout, of its candidate by the registry. */
@Injectable()
export class RolloutLint {
  constructor(
    private readonly models: ModelRepository,
    private readonly artifacts: ArtifactStore,
    private readonly facts: PlanFacts,
  ) {}

  /** `plan` is raw: also one that does not fit its schema gets every fault listed. */
  async findings(subject: RolloutSubject, plan: unknown): Promise<PlanFindings> {
    const ofCandidate = await this.candidateFaults(subject);
    const { faults, expectedSeconds } = await this.facts.findings(plan, subject.cell, subject.agent);
    return { faults: [...ofCandidate, ...faults], expectedSeconds };
  }

  private async candidateFaults({ agent, candidateId }: RolloutSubject): Promise<Fault[]> {
    const fault = (code: string, detail: string): Fault => ({ pointer: '/modelVersionId', code, detail });
    const model = await this.models.find(candidateId);
    if (model === null) return [fault('UNKNOWN_MODEL', `there is no model version ${candidateId}`)];
    const faults: Fault[] = [];
    if (model.manifest.agent !== agent) {
      faults.push(fault('WRONG_AGENT', `${candidateId} is a policy of ${model.manifest.agent}, not of ${agent}`));
    }
    for (const gate of model.manifest.gates) {
      if (!gate.passed) faults.push(fault('GATE_FAILED', `${gate.gate}: ${gate.reason}`));
    }
    const sealFault = await this.models.sealFault(model);
    if (sealFault !== null) faults.push(fault('MANIFEST_ALTERED', `${candidateId} may not serve: ${sealFault}`));
    const { artifact } = model.manifest.policy;
    if (artifact !== null && !(await this.artifacts.has(artifact.sha256))) {
      faults.push(fault('ARTIFACT_MISSING', `artifact ${artifact.sha256} is not in the store`));
    } else if (artifact !== null && !(await this.artifacts.isWhole(artifact.sha256))) {
      faults.push(
        fault(
          'ARTIFACT_ALTERED',
          `artifact ${artifact.sha256} is not the bytes that passed the gates: register it again`,
        ),
      );
    }
    return faults;
  }
}
