import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { explainDecision } from '#domain/lake/explain-decision';
import type { DecisionInputs, DecisionOutputs, DecisionRecord } from '#domain/contracts/decision-record';
import { openOnnxSession } from '../../../../activities/onnx-session';
import {
  createReplayActivities,
  type ReplayedDecision,
  type ReplayInput,
} from '../../../../activities/replay-decisions';
import { tryRequest } from '../../../../activities/try-request';
import { ControlPlaneConfig } from '../config';
import { SnapshotStore } from '../edges/snapshot-store';
import { ProblemError } from '../problems/problem-error';
import { ArtifactStore } from '../registry/artifact-store';

export interface TriedDecision {
  explain: string;
  inputs: DecisionInputs;
  outputs: DecisionOutputs;
}

/** Decides again (replay) or in advance (try), with the control plane's snapshots and artifacts behind the pure functions. */
@Injectable()
export class ReplayService {
  private readonly activities: ReturnType<typeof createReplayActivities>;

  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly snapshots: SnapshotStore,
    private readonly artifacts: ArtifactStore,
  ) {
    this.activities = createReplayActivities({
      snapshot: (id) => this.snapshots.snapshot(id),
      artifact: (sha256) => this.artifacts.get(sha256),
      openSession: openOnnxSession,
    });
  }

  /** @throws ProblemError `not-found` for an unknown snapshot. */
  replay(input: ReplayInput): Promise<ReplayedDecision[]> {
    return this.activities.replayDecisions(input);
  }

  /** Decides by the newest snapshot. @throws ProblemError `invalid-input` when the request is malformed. */
  async tryRequest(exchange: string, request: unknown): Promise<{ snapshotId: string; decisions: TriedDecision[] }> {
    const latest = await this.snapshots.latest(this.config.cell);
    if (!latest) throw new ProblemError('not-ready', 'No snapshot has been published yet.');
    const key = await this.userHashKey();
    const result = await tryRequest(
      {
        artifact: (sha256) => this.artifacts.get(sha256),
        openSession: openOnnxSession,
        hashUser: (id) => createHmac('sha256', key).update(id).digest('hex').slice(0, 16),
        now: () => Date.now(),
      },
      await this.snapshots.snapshot(latest.snapshotId),
      exchange,
      request,
    );
    if (!result.ok) {
      const { code, pointer, detail } = result;
      throw new ProblemError('invalid-input', `${pointer} ${detail}.`, [{ pointer, code, detail }]);
    }
    const decisions = result.decisions.map(({ inputs, outputs }) => ({
      explain: explainDecision({ inputs, outputs } as DecisionRecord, []),
      inputs,
      outputs,
    }));
    return { snapshotId: latest.snapshotId, decisions };
  }

  private async userHashKey(): Promise<Buffer> {
    return Buffer.from((await readFile(join(this.config.adloopHome, 'keys', 'user-hash.key'), 'utf8')).trim(), 'hex');
  }
}
