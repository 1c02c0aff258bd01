/** Replay: decides logged decisions again from their recorded inputs, by the same pure functions that the edge runs. */
import type { ArtifactRef } from '#domain/contracts/agent';
import type { DecisionOutputs, DecisionRecord } from '#domain/contracts/decision-record';
import type { PolicySnapshot } from '#domain/contracts/policy-snapshot';
import { replayDecision, type Infer } from '#domain/coordination';
import { plainModelOf, type PlainModel } from '#domain/learning';
import { buildServingIndex, snapshotUnderTest, type ServingIndex } from '#domain/matching';

/** Runs rows of features through one artifact: [rowCount, width] in, [rowCount, outputs] out. */
export interface ReplaySession {
  run(rows: Float32Array, rowCount: number): Promise<Float32Array>;
  close(): Promise<void>;
}

export interface ReplayPorts {
  /** The published snapshot that a record names. */
  snapshot(snapshotId: string): Promise<PolicySnapshot>;
  artifact(sha256: string): Promise<Uint8Array>;
  openSession(bytes: Uint8Array): Promise<ReplaySession>;
}

/** A record whose outputs were taken away; nothing but `inputs` is read, ids only name the answer. */
export type ReplayableRecord = Pick<DecisionRecord, 'decisionId' | 'edgeId' | 'inputs'>;

export interface ReplayInput {
  records: ReplayableRecord[];
  /** Bytes (base64) to use instead of a stored artifact, by the sha256 that the snapshot names. */
  artifacts?: Record<string, string>;
}

export interface ReplayedDecision {
  decisionId: string;
  outputs: DecisionOutputs;
}

/** Closures over `ports`; their names are the activity types. */
export function createReplayActivities(ports: ReplayPorts) {
  return {
    /**
     * Answers the outputs of every record, in the order of `records`. Records of one request are decided together, as they
     * were on the edge: same batch of rows, same order of reservations.
     */
    async replayDecisions({ records, artifacts = {} }: ReplayInput): Promise<ReplayedDecision[]> {
      const bench = new ReplayBench(ports, artifacts);
      try {
        const outputs = new Map<string, DecisionOutputs>();
        for (const request of byRequest(records)) {
          const { snapshotId, rolloutId } = request[0]!.inputs;
          const index = await bench.index(snapshotId, rolloutId !== '');
          const decided = await replayDecision(
            index,
            request.map(({ inputs }) => inputs),
            bench.infer(index.snapshot, request[0]!.inputs.arm),
          );
          for (const [at, { decisionId }] of request.entries()) outputs.set(decisionId, decided[at]!);
        }
        return records.map(({ decisionId }) => ({ decisionId, outputs: outputs.get(decisionId)! }));
      } finally {
        await bench.close();
      }
    },
  };
}

/** Snapshots compiled and sessions opened during one replay. */
class ReplayBench {
  private readonly indexes = new Map<string, ServingIndex>();
  private readonly sessions = new Map<string, ReplaySession>();
  private readonly plainModels = new Map<string, PlainModel>();

  constructor(
    private readonly ports: ReplayPorts,
    private readonly inline: Record<string, string>,
  ) {}

  /** `isUnderTest`: the arms were served, so an experiment's control stood where the champion does. */
  async index(snapshotId: string, isUnderTest: boolean): Promise<ServingIndex> {
    const key = `${snapshotId}|${isUnderTest}`;
    const known = this.indexes.get(key);
    if (known) return known;
    const snapshot = await this.ports.snapshot(snapshotId);
    const index = buildServingIndex((isUnderTest && snapshotUnderTest(snapshot)) || snapshot);
    this.indexes.set(key, index);
    return index;
  }

  infer(snapshot: PolicySnapshot, arm: 'champion' | 'canary'): Infer {
    const policies = arm === 'canary' ? snapshot.canary?.policies : snapshot.champion;
    return async (rows, rowCount, engine) => {
      const artifact = policies?.bid.artifact;
      if (!artifact) throw new RangeError(`snapshot ${snapshot.snapshotId} has no bid model for the ${arm}`);
      if (engine === 'plain') return (await this.plain(artifact)).run(rows, rowCount);
      return (await this.session(artifact)).run(rows, rowCount);
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.sessions.values()].map((session) => session.close()));
  }

  private async session({ sha256 }: ArtifactRef): Promise<ReplaySession> {
    const known = this.sessions.get(sha256);
    if (known) return known;
    const session = await this.ports.openSession(await this.bytesOf(sha256));
    this.sessions.set(sha256, session);
    return session;
  }

  /** @throws RangeError when the artifact has no plain form, so that the record cannot have been decided by it. */
  private async plain({ sha256 }: ArtifactRef): Promise<PlainModel> {
    const model = this.plainModels.get(sha256) ?? plainModelOf(await this.bytesOf(sha256));
    if (model === null) throw new RangeError(`artifact ${sha256} cannot be computed by plain loops`);
    this.plainModels.set(sha256, model);
    return model;
  }

  private async bytesOf(sha256: string): Promise<Uint8Array> {
    const given = this.inline[sha256];
    return given === undefined ? this.ports.artifact(sha256) : Buffer.from(given, 'base64');
  }
}

/** Records of one request, in the order of its impressions. */
export function byRequest(records: readonly ReplayableRecord[]): ReplayableRecord[][] {
  const requests = new Map<string, ReplayableRecord[]>();
  for (const record of records) {
    const { inputs, edgeId } = record;
    const key = JSON.stringify([edgeId, inputs.snapshotId, inputs.request.requestId, inputs.nowMs, inputs.rngCounter]);
    const request = requests.get(key);
    if (request) request.push(record);
    else requests.set(key, [record]);
  }
  return [...requests.values()].map((request) => request.sort((a, b) => a.inputs.impIndex - b.inputs.impIndex));
}
