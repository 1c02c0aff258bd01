import { Injectable } from '@nestjs/common';
import type { Agent, ExperimentArm, ExperimentPlan, ExperimentPower } from '#domain/contracts';
import { lintExperiment, powerOf } from '#domain/experiment';
import type { Fault } from '../../../../activities/rollout-activities';
import { ArtifactStore } from '../registry/artifact-store';
import { ModelRepository } from '../registry/model.repository';
import { ExperimentTrafficMeter } from './experiment-traffic.service';

/** What is wrong with a request, and what it could find. */
export interface ExperimentFindings {
  faults: Fault[];
  power: ExperimentPower | null;
}

/** Every reason why an experiment cannot start: of its plan by domain/experiment, of its arms by the registry. */
@Injectable()
export class ExperimentLint {
  constructor(
    private readonly models: ModelRepository,
    private readonly artifacts: ArtifactStore,
    private readonly traffic: ExperimentTrafficMeter,
  ) {}

  /** Both are raw: also a request that does not fit its schema gets every fault listed. */
  async findings(input: { cell: string; subject: unknown; plan: unknown }): Promise<ExperimentFindings> {
    const linted = lintExperiment(input.subject, input.plan);
    if (!linted.ok) return { faults: linted.faults, power: null };
    const { subject, plan } = linted;
    const faults = [
      ...(await this.armFaults(subject.control, '/subject/control')),
      ...(await this.armFaults(subject.treatment, '/subject/treatment')),
    ];
    const feasible = await this.feasibility(plan, input.cell);
    return { faults: [...faults, ...feasible.faults], power: feasible.power };
  }

  private async feasibility(plan: ExperimentPlan, cell: string): Promise<ExperimentFindings> {
    const isWaived = plan.feasibility === 'waived';
    const traffic = await this.traffic.measure(plan, cell);
    if (traffic === null) {
      const detail = `no decision with ${plan.primary} has arrived lately: nothing can be measured now`;
      return { faults: isWaived ? [] : [{ pointer: '/plan/primary', code: 'NO_FRESH_DATA', detail }], power: null };
    }
    const power = powerOf(plan, traffic);
    if (isWaived || power.minimalDetectableEffect <= plan.effectOfInterest) return { faults: [], power };
    return {
      faults: [{ pointer: '/plan/horizonSeconds', code: 'INFEASIBLE', detail: infeasible(plan, power) }],
      power,
    };
  }

  private async armFaults(arm: ExperimentArm, pointer: string): Promise<Fault[]> {
    const faults: Fault[] = [];
    if (arm.family === 'monolith') {
      const detail = 'no edge of this fleet serves a monolith: leave the family out, or roll out edges that do';
      faults.push({ pointer: `${pointer}/family`, code: 'FAMILY_NOT_SERVED', detail });
    }
    for (const [agent, versionId] of Object.entries(arm.versions) as [Agent, string][])
      faults.push(...(await this.versionFaults(agent, versionId, arm, `${pointer}/versions/${agent}`)));
    return faults;
  }

  private async versionFaults(agent: Agent, id: string, arm: ExperimentArm, pointer: string): Promise<Fault[]> {
    const model = await this.models.find(id);
    if (model === null) return [{ pointer, code: 'UNKNOWN_MODEL', detail: `there is no model version ${id}` }];
    const { manifest } = model;
    const faults: Fault[] = [];
    const fault = (code: string, detail: string) => faults.push({ pointer, code, detail });
    if (manifest.agent !== agent) fault('WRONG_AGENT', `${id} is a policy of ${manifest.agent}, not of ${agent}`);
    if (manifest.family !== arm.family)
      fault('WRONG_FAMILY', `${id} is ${manifest.family}, the arm says ${arm.family}`);
    for (const gate of manifest.gates) if (!gate.passed) fault('GATE_FAILED', `${gate.gate}: ${gate.reason}`);
    const { artifact } = manifest.policy;
    if (artifact !== null && !(await this.artifacts.has(artifact.sha256)))
      fault('ARTIFACT_MISSING', `artifact ${artifact.sha256} is not in the store`);
    return faults;
  }
}

function infeasible(plan: ExperimentPlan, power: ExperimentPower): string {
  const percent = (share: number) => (Number.isFinite(share) ? `${(share * 100).toFixed(1)} %` : 'no effect at all');
  const { primaryPerSecond, minimalDetectableEffect, secondsForEffectOfInterest } = power;
  const needs =
    secondsForEffectOfInterest === null
      ? 'not within a year'
      : `after ${secondsForEffectOfInterest} s (${(secondsForEffectOfInterest / 86_400).toFixed(1)} days)`;
  return (
    `at ${Number(primaryPerSecond.toPrecision(3))} primary events/s the horizon finds effects from ` +
    `${percent(minimalDetectableEffect)} (95 % power); ${percent(plan.effectOfInterest)} would be found ${needs}: allow more ` +
    `time, a more even split or a larger effect of interest`
  );
}
