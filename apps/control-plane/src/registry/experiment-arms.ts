import type { EntityManager } from 'typeorm';
import {
  AGENTS,
  type Agent,
  type AgentPolicy,
  type ExperimentArm,
  type ExperimentSubject,
  type PolicyBundle,
  policyBundleSchema,
  type PolicySnapshot,
  type Signed,
} from '#domain/contracts';

interface ServedRow {
  experiment_id: string;
  subject: ExperimentSubject;
  champions: Record<Agent, string>;
  share_bps: number;
  serving_period: number;
}

/** What an experiment serves: its arms on given champions, and the seals of the versions that they name. */
export interface ServedExperiment {
  arms: (champion: PolicyBundle) => PolicySnapshot['canary'];
  seals: Record<string, Signed>;
}

/**
 * Reads the experiment that a cell serves now, in the caller's transaction; null without one. What is answered makes both arms
 * out of the champions of that moment. When those are not the pinned ones any more, nothing is served: both arms stood on them.
 */
export async function experimentArms(cell: string, manager: EntityManager): Promise<ServedExperiment | null> {
  const rows = await manager.query<ServedRow[]>(
    `SELECT experiment_id, subject, champions, share_bps, serving_period FROM experiment
     WHERE cell = $1 AND claimed AND share_bps > 0`,
    [cell],
  );
  const experiment = rows.at(0);
  if (experiment === undefined) return null;
  const { subject, champions } = experiment;
  const named = [...Object.values(subject.control.versions), ...Object.values(subject.treatment.versions)];
  const policies = await manager.query<{ model_version_id: string; policy: AgentPolicy; seal: Signed | null }[]>(
    `SELECT model_version_id, manifest->'policy' AS policy, seal FROM model_version WHERE model_version_id = ANY($1)`,
    [named],
  );
  const policyOf = new Map(policies.map((row) => [row.model_version_id, row.policy]));
  const bundleOf = (arm: ExperimentArm, champion: PolicyBundle): PolicyBundle =>
    policyBundleSchema.parse({
      ...champion,
      ...Object.fromEntries(Object.entries(arm.versions).map(([agent, id]) => [agent, policyOf.get(id)])),
    });
  const arms: ServedExperiment['arms'] = (champion) => {
    if (AGENTS.some((agent) => champion[agent].modelVersionId !== champions[agent])) return null;
    const isControlled = Object.keys(subject.control.versions).length > 0;
    return {
      rolloutId: experiment.experiment_id,
      stage: experiment.serving_period,
      shareBps: experiment.share_bps,
      policies: bundleOf(subject.treatment, champion),
      ...(isControlled && { control: bundleOf(subject.control, champion) }),
    };
  };
  const seals = Object.fromEntries(
    policies.flatMap(({ model_version_id, seal }) => (seal === null ? [] : [[model_version_id, seal]])),
  );
  return { arms, seals };
}
