import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AGENTS, type AgentPolicy, policySnapshotSchema, type PolicySnapshot } from '#domain/contracts';
import { ArtifactStore } from './artifact-store';
import { ModelRepository } from './model.repository';
import { PointerRepository } from './pointer.repository';
import { ServingControlRepository } from './serving-control.repository';

/** Key of the advisory lock that lets one process seed: 'seed' in ASCII. */
const SEED_LOCK = 0x73656564;

/** Registers the policies of a shipped snapshot, so that a fresh database bids in the first minute. */
@Injectable()
export class RegistrySeed {
  constructor(
    private readonly dataSource: DataSource,
    private readonly artifacts: ArtifactStore,
    private readonly models: ModelRepository,
    private readonly pointers: PointerRepository,
    private readonly controls: ServingControlRepository,
  ) {}

  /**
   * Seeds `cell` from the champion bundle of `snapshot`; its artifacts are read from `shippedDir`/artifacts. A cell that has
   * a champion is left alone. Answers whether anything was written.
   * @throws when an artifact is missing or is not what the snapshot says.
   */
  async seed(cell: string, snapshot: PolicySnapshot, shippedDir: string): Promise<boolean> {
    policySnapshotSchema.parse(snapshot);
    for (const agent of AGENTS) {
      const { artifact } = snapshot.champion[agent];
      if (artifact === null || (await this.artifacts.has(artifact.sha256))) continue;
      const stored = await this.artifacts.put(await readFile(join(shippedDir, 'artifacts', `${artifact.sha256}.onnx`)));
      if (stored !== artifact.sha256) throw new Error(`shipped artifact ${artifact.sha256} hashes to ${stored}`);
    }
    return this.dataSource.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock($1)', [SEED_LOCK]);
      const present = await this.pointers.find(cell, 'bid', 'champion', manager);
      if (present !== null) return false;
      for (const agent of AGENTS) {
        const policy: AgentPolicy = snapshot.champion[agent];
        await this.models.register(
          { key: `seed/${policy.modelVersionId}`, manifest: shippedManifest(policy), createdBy: 'seed' },
          manager,
        );
        for (const role of ['champion', 'last-known-good'] as const) {
          await this.pointers.move(
            {
              key: `seed/${cell}/${agent}/${role}`,
              cell,
              agent,
              role,
              to: policy.modelVersionId,
              expected: null,
              rolloutId: null,
              actor: 'seed',
              reason: `shipped with the release (${snapshot.snapshotId})`,
              evidenceDigest: null,
            },
            manager,
          );
        }
      }
      await this.controls.seed(cell, snapshot.autonomyBps, manager);
      return true;
    });
  }
}

/** A shipped policy has no gates of ours: it is where the evidence starts. */
function shippedManifest(policy: AgentPolicy) {
  return {
    modelVersionId: policy.modelVersionId,
    agent: policy.agent,
    family: 'multi-agent' as const,
    parentId: null,
    policy,
    workflowId: 'shipped',
    runId: 'shipped',
    codeSha: 'shipped',
    window: null,
    featureSpecHash: policy.artifact?.featureSpecHash ?? '',
    hyperParameters: {},
    seed: 0,
    gates: [],
  };
}
