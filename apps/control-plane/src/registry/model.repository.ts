import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { type Agent, type ModelManifest, modelManifestSchema, type Signed } from '#domain/contracts';
import { ManifestSealer } from './manifest-sealer';

/** A registered model version with what the registry adds to its manifest. */
export interface RegisteredModel {
  manifest: ModelManifest;
  gatesPassed: boolean;
  createdBy: string;
  /** Signature over the manifest's digests; null for versions from before there were seals. */
  seal: Signed | null;
}

interface ModelRow {
  manifest: Omit<ModelManifest, 'createdAt'>;
  gates_passed: boolean;
  created_by: string;
  created_at: Date;
  seal: Signed | null;
}

/** Model versions: inserted once, never changed (a trigger says so too). */
@Injectable()
export class ModelRepository {
  constructor(
    private readonly dataSource: DataSource,
    private readonly sealer: ManifestSealer,
  ) {}

  /**
   * Registers a manifest; the same key or the same id again answers the version that is there: the first registration stands, also
   * when a run that failed after it is run again.
   */
  async register(
    input: { key: string; manifest: Omit<ModelManifest, 'createdAt'>; createdBy: string },
    manager: EntityManager = this.dataSource.manager,
  ): Promise<{ modelVersionId: string }> {
    const { manifest } = input;
    modelManifestSchema.omit({ createdAt: true }).parse(manifest);
    await manager.query(
      `INSERT INTO model_version (model_version_id, agent, family, parent_id, artifact_sha256, manifest, gates_passed, created_by, registration_key, seal)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
      [
        manifest.modelVersionId,
        manifest.agent,
        manifest.family,
        manifest.parentId,
        manifest.policy.artifact?.sha256 ?? null,
        JSON.stringify(manifest),
        manifest.gates.every((gate) => gate.passed),
        input.createdBy,
        input.key,
        JSON.stringify(await this.sealer.seal(manifest)),
      ],
    );
    const [{ model_version_id: modelVersionId }] = await manager.query<{ model_version_id: string }[]>(
      `SELECT model_version_id FROM model_version WHERE model_version_id = $1 OR registration_key = $2
       ORDER BY model_version_id = $1 DESC LIMIT 1`,
      [manifest.modelVersionId, input.key],
    );
    return { modelVersionId };
  }

  async find(modelVersionId: string): Promise<RegisteredModel | null> {
    const rows = await this.dataSource.query<ModelRow[]>(`${SELECT} WHERE model_version_id = $1`, [modelVersionId]);
    return rows.length === 0 ? null : modelOf(rows[0]);
  }

  /** Why a version's manifest is not what was sealed at its registration, or null when it is. */
  sealFault(model: RegisteredModel): Promise<string | null> {
    return this.sealer.faultOf(model.manifest, model.seal);
  }

  /** Newest first, at most `limit`; `agent` narrows. */
  async list(input: { agent?: Agent; limit: number }): Promise<RegisteredModel[]> {
    const rows = await this.dataSource.query<ModelRow[]>(
      `${SELECT} WHERE ($1::text IS NULL OR agent = $1) ORDER BY created_at DESC, model_version_id DESC LIMIT $2`,
      [input.agent ?? null, input.limit],
    );
    return rows.map(modelOf);
  }
}

const SELECT = 'SELECT manifest, gates_passed, created_by, created_at, seal FROM model_version';

const modelOf = (row: ModelRow): RegisteredModel => ({
  manifest: { ...row.manifest, createdAt: row.created_at.toISOString() },
  gatesPassed: row.gates_passed,
  createdBy: row.created_by,
  seal: row.seal,
});
