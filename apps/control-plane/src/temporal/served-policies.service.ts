import { readFile } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import type { AgentPolicy, PolicySnapshot } from '#domain/contracts';
import { parseScenario } from '#domain/market';
import { permanent } from '../../../../activities/permanent-failure';
import { ControlPlaneConfig } from '../config';
import { SnapshotStore } from '../edges/snapshot-store';
import { ProblemError } from '../problems/problem-error';
import { ModelRepository } from '../registry/model.repository';
import { PointerRepository } from '../registry/pointer.repository';

/** What a cell serves now, as training compares itself with it. */
@Injectable()
export class ServedPolicies {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly models: ModelRepository,
    private readonly pointers: PointerRepository,
    private readonly snapshots: SnapshotStore,
  ) {}

  /** @throws ApplicationFailure NO_CHAMPION */
  async champion(cell: string, agent: 'bid' | 'budget'): Promise<AgentPolicy> {
    const pointer = await this.pointers.find(cell, agent, 'champion');
    const model = pointer === null ? null : await this.models.find(pointer.modelVersionId);
    if (model === null) throw permanent('NO_CHAMPION', `${cell} has no champion of ${agent}: seed the registry first`);
    return model.manifest.policy;
  }

  /** A snapshot that was served, null for one published elsewhere (an edge alone bids from the one in its files). */
  async snapshot(snapshotId: string): Promise<PolicySnapshot | null> {
    try {
      return await this.snapshots.snapshot(snapshotId);
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'not-found') return null;
      throw error;
    }
  }

  /** @throws ApplicationFailure NOTHING_SERVED */
  async market(cell: string) {
    const latest = await this.snapshots.latest(cell);
    if (latest === null) throw permanent('NOTHING_SERVED', `no snapshot of ${cell} has been published yet`);
    const snapshot = await this.snapshots.snapshot(latest.snapshotId);
    return { scenario: parseScenario(JSON.parse(await readFile(this.config.gateScenario, 'utf8'))), snapshot };
  }
}
