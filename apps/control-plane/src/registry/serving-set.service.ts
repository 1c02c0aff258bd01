import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import {
  AGENTS,
  type Agent,
  type AgentPolicy,
  type PolicyBundle,
  policyBundleSchema,
  type PolicySnapshot,
  type Signed,
  type WeightState,
} from '#domain/contracts';
import { killOf, ServingControlRepository } from './serving-control.repository';
import { WeightRepository } from './weight.repository';
import { experimentArms } from './experiment-arms';

/** What the edges of a cell serve: the part of a snapshot that the registry decides. */
export interface ServingSet {
  champion: PolicyBundle;
  canary: PolicySnapshot['canary'];
  shadows: PolicySnapshot['shadows'];
  autonomyBps: PolicySnapshot['autonomyBps'];
  kill: PolicySnapshot['kill'];
  /** Null while no weight was ever changed. */
  weights: WeightState | null;
  /** Seals of the versions that serve; those from before there were seals have none. */
  seals: NonNullable<PolicySnapshot['seals']>;
}

interface RolloutRow {
  rollout_id: string;
  agent: Agent;
  candidate: AgentPolicy;
  seal: Signed | null;
  share_bps: number;
  serving_stage: number;
  shadow_bps: number;
}

/** Joins pointers, serving rollouts and controls of a cell into one consistent set. */
@Injectable()
export class ServingSetService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly controls: ServingControlRepository,
    private readonly weights: WeightRepository,
  ) {}

  /**
   * Read in one repeatable-read transaction, so that a promotion is seen whole or not at all.
   * Null while an agent has no champion: the cell has not been seeded.
   */
  async servingSet(cell: string): Promise<ServingSet | null> {
    const { champions, rollouts, experiment } = await this.dataSource.transaction(
      'REPEATABLE READ',
      async (manager) => ({
        champions: await manager.query<{ agent: Agent; policy: AgentPolicy; seal: Signed | null }[]>(
          `SELECT p.agent, m.manifest->'policy' AS policy, m.seal FROM pointer p JOIN model_version m USING (model_version_id)
         WHERE p.cell = $1 AND p.role = 'champion'`,
          [cell],
        ),
        rollouts: await manager.query<RolloutRow[]>(
          `SELECT r.rollout_id, r.agent, m.manifest->'policy' AS candidate, m.seal, r.share_bps, r.serving_stage, r.shadow_bps
         FROM rollout r JOIN model_version m ON m.model_version_id = r.candidate_id
         WHERE r.cell = $1 AND r.claimed AND (r.share_bps > 0 OR r.shadow_bps > 0) ORDER BY r.rollout_id`,
          [cell],
        ),
        experiment: await experimentArms(cell, manager),
      }),
    );
    if (AGENTS.some((agent) => !champions.some((row) => row.agent === agent))) return null;
    const champion = policyBundleSchema.parse(Object.fromEntries(champions.map((row) => [row.agent, row.policy])));
    const withCandidate = (row: RolloutRow): PolicyBundle =>
      policyBundleSchema.parse({ ...champion, [row.agent]: row.candidate });
    const canary = rollouts.find((row) => row.share_bps > 0);
    const control = await this.controls.read(cell);
    return {
      champion,
      seals: {
        ...experiment?.seals,
        ...sealsOf([
          ...champions.map(({ policy, seal }) => [policy, seal] as const),
          ...rollouts.map((row) => [row.candidate, row.seal] as const),
        ]),
      },
      canary:
        canary === undefined
          ? (experiment?.arms(champion) ?? null)
          : {
              rolloutId: canary.rollout_id,
              stage: canary.serving_stage,
              shareBps: canary.share_bps,
              policies: withCandidate(canary),
            },
      shadows: rollouts
        .filter((row) => row.shadow_bps > 0)
        .map((row) => ({ rolloutId: row.rollout_id, sampleBps: row.shadow_bps, policies: withCandidate(row) })),
      autonomyBps: control.autonomyBps,
      kill: killOf(control),
      weights: await this.weights.state(cell),
    };
  }
}

const sealsOf = (policies: readonly (readonly [AgentPolicy, Signed | null])[]): Record<string, Signed> =>
  Object.fromEntries(
    policies.flatMap(([{ modelVersionId }, seal]) => (seal === null ? [] : [[modelVersionId, seal] as const])),
  );
