import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AGENTS, type Agent, type Arm } from '#domain/contracts/agent';
import type { DecisionRecord } from '#domain/contracts/decision-record';
import type { PolicySnapshot } from '#domain/contracts/policy-snapshot';

/** Snapshots remembered at most: an edge serves a handful in an hour. */
const MAX_SNAPSHOTS = 64;
const FULL_AUTONOMY_BPS = 10_000;

/** Per arm, the agents whose model was meant to decide every request. */
type Expected = Record<Arm | 'control', ReadonlySet<Agent>>;

/**
 * Tells a fallback from a baseline by design: an agent falls back when the snapshot that decided holds a model for it, with
 * full autonomy, and the value is its baseline all the same. Unknown snapshots (an edge that ran alone) expect a bid model.
 */
@Injectable()
export class ModelExpectation {
  private readonly bySnapshot = new Map<string, Expected>();

  constructor(private readonly database: DataSource) {}

  /** Reads the snapshots that these decisions name and that are not known yet. */
  async prepare(records: readonly DecisionRecord[]): Promise<void> {
    const unknown = [...new Set(records.map(({ inputs }) => inputs.snapshotId))].filter(
      (id) => !this.bySnapshot.has(id),
    );
    if (unknown.length === 0) return;
    const rows = await this.database.query<{ payload: string }[]>(
      'SELECT payload FROM snapshot WHERE snapshot_id = ANY($1)',
      [unknown.slice(0, MAX_SNAPSHOTS)],
    );
    for (const { payload } of rows) {
      const snapshot = JSON.parse(payload) as PolicySnapshot;
      if (this.bySnapshot.size >= MAX_SNAPSHOTS) this.bySnapshot.delete(this.bySnapshot.keys().next().value ?? '');
      this.bySnapshot.set(snapshot.snapshotId, expectedBy(snapshot));
    }
  }

  expectsModel(record: DecisionRecord, agent: Agent): boolean {
    const expected = this.bySnapshot.get(record.inputs.snapshotId);
    const { arm, rolloutId } = record.inputs;
    return expected ? expected[arm === 'champion' && rolloutId !== '' ? 'control' : arm].has(agent) : agent === 'bid';
  }
}

function expectedBy(snapshot: PolicySnapshot): Expected {
  const modelsOf = (policies: PolicySnapshot['champion']) =>
    new Set(
      AGENTS.filter((agent) => policies[agent].kind === 'model' && snapshot.autonomyBps[agent] >= FULL_AUTONOMY_BPS),
    );
  const { champion, canary } = snapshot;
  return {
    champion: modelsOf(champion),
    canary: modelsOf(canary?.policies ?? champion),
    control: modelsOf(canary?.control ?? champion),
  };
}
