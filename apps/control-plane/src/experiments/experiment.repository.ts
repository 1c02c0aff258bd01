import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import {
  AGENTS,
  type Agent,
  type ExperimentPlan,
  type ExperimentResult,
  type ExperimentState,
  type ExperimentSubject,
  type ExperimentVerdict,
} from '#domain/contracts';
import type {
  ExperimentRow,
  ExperimentStore,
  PinnedChampions,
  Registration,
  ServeExperimentInput,
  SlotClaim,
} from '../../../../activities/experiment-activities';
import { permanent } from '../../../../activities/permanent-failure';
import type { ExperimentView } from '../../../../workflows/experiment/messages';
import { ReleaseHolds } from '../release-holds/release-holds.repository';

/** An experiment as the API lists it. */
export interface ExperimentRecord extends Registration {
  state: ExperimentState;
  result: ExperimentResult | null;
  period: number;
  look: number;
  shareBps: number;
  verdict: ExperimentVerdict | null;
  reason: string;
  waitingFor: string | null;
  view: ExperimentView | null;
  registeredAt: string;
  endedAt: string | null;
}

interface Row {
  experiment_id: string;
  fleet: string;
  cell: string;
  subject: ExperimentSubject;
  plan: ExperimentPlan;
  plan_digest: string;
  requested_by: string;
  registered_at: Date;
  state: ExperimentState;
  result: ExperimentResult | null;
  period: number;
  look: number;
  share_bps: number;
  verdict: ExperimentVerdict | null;
  reason: string;
  waiting_for: string | null;
  view: ExperimentView | null;
  ended_at: Date | null;
}

const UNIQUE_VIOLATION = '23505';

/** Rows of experiments: the registration, what the workflow mirrors, what the edges serve by it, and the canary slot. */
@Injectable()
export class ExperimentRepository implements ExperimentStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly holds: ReleaseHolds,
  ) {}

  async open(registration: Registration): Promise<void> {
    const { experimentId, planDigest } = registration;
    await this.dataSource.query(
      `INSERT INTO experiment (experiment_id, fleet, cell, subject, plan, plan_digest, requested_by)
       VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (experiment_id) DO NOTHING`,
      [
        experimentId,
        registration.fleet,
        registration.cell,
        JSON.stringify(registration.subject),
        JSON.stringify(registration.plan),
        planDigest,
        registration.requestedBy,
      ],
    );
    const present = await this.find(experimentId);
    if (present?.planDigest !== planDigest)
      throw permanent('REGISTRATION_DIFFERS', `${experimentId} is registered with another plan`);
  }

  async find(experimentId: string): Promise<ExperimentRecord | null> {
    const rows = await this.dataSource.query<Row[]>('SELECT * FROM experiment WHERE experiment_id = $1', [
      experimentId,
    ]);
    return rows.length === 0 ? null : recordOf(rows[0]);
  }

  /** Newest first. */
  async list(limit: number): Promise<ExperimentRecord[]> {
    const rows = await this.dataSource.query<Row[]>(
      'SELECT * FROM experiment ORDER BY registered_at DESC, experiment_id DESC LIMIT $1',
      [limit],
    );
    return rows.map(recordOf);
  }

  /** The rollout or experiment that has the cell's canary slot, or null. */
  async slotHolder(cell: string, manager: EntityManager = this.dataSource.manager): Promise<string | null> {
    const rows = await manager.query<{ holder: string }[]>(
      `SELECT experiment_id AS holder FROM experiment WHERE cell = $1 AND claimed
       UNION ALL SELECT rollout_id FROM rollout WHERE cell = $1 AND claimed ORDER BY 1 LIMIT 1`,
      [cell],
    );
    return rows.at(0)?.holder ?? null;
  }

  /** Takes the cell's canary slot and pins the champions; claiming again answers the first claim. */
  async claim(input: { experimentId: string; planDigest: string }): Promise<SlotClaim> {
    const { experimentId, planDigest } = input;
    const record = await this.find(experimentId);
    if (record?.planDigest !== planDigest)
      throw permanent('REGISTRATION_DIFFERS', `${experimentId} is registered with another plan`);
    try {
      return await this.dataSource.transaction(async (manager) => {
        const champions = await championsOf(record.cell, manager);
        if (champions === null) return { claimed: false, holder: null, champions: null };
        const [rows] = await manager.query<[{ champions: PinnedChampions }[], number]>(
          `UPDATE experiment SET claimed = true, champions = coalesce(champions, $2), updated_at = now()
           WHERE experiment_id = $1 AND state NOT IN ('ended', 'refused') RETURNING champions`,
          [experimentId, JSON.stringify(champions)],
        );
        const pinned = rows.at(0)?.champions ?? null;
        return { claimed: pinned !== null, holder: experimentId, champions: pinned };
      });
    } catch (error) {
      if (codeOf(error) !== UNIQUE_VIOLATION) throw error;
      return { claimed: false, holder: await this.slotHolder(record.cell), champions: null };
    }
  }

  async save(row: ExperimentRow): Promise<void> {
    await this.dataSource.query(
      `UPDATE experiment SET state = $3, result = coalesce(result, $4), period = $5, look = $6, verdict = $7, reason = $8,
         waiting_for = $9, view = $10, seq = $2, updated_at = now(),
         ended_at = CASE WHEN $3 IN ('ended', 'refused') THEN coalesce(ended_at, now()) END
       WHERE experiment_id = $1 AND seq < $2`,
      [
        row.experimentId,
        row.seq,
        row.state,
        row.result,
        row.period,
        row.look,
        row.verdict,
        row.reason,
        row.waitingFor,
        JSON.stringify(row.view),
      ],
    );
  }

  /** The hold is read in the same transaction, so that after a stop no increase commits. */
  serve({ experimentId, seq, period, shareBps }: ServeExperimentInput): Promise<{ held: string | null }> {
    return this.dataSource.transaction(async (manager) => {
      const [row] = await manager.query<{ fleet: string; serve_seq: number }[]>(
        'SELECT fleet, serve_seq FROM experiment WHERE experiment_id = $1 FOR UPDATE',
        [experimentId],
      );
      const held = row === undefined ? null : await this.holds.reason(row.fleet, Date.now(), manager);
      if (held !== null && row.serve_seq < seq) return { held };
      await manager.query(
        `UPDATE experiment SET share_bps = $3, serving_period = $4, serve_seq = $2, updated_at = now()
         WHERE experiment_id = $1 AND claimed AND serve_seq < $2`,
        [experimentId, seq, shareBps, period],
      );
      return { held: null };
    });
  }

  async stop({ experimentId, seq }: { experimentId: string; seq: number }): Promise<void> {
    await this.dataSource.query(
      `UPDATE experiment SET share_bps = 0, serve_seq = greatest(serve_seq, $2), updated_at = now()
       WHERE experiment_id = $1 AND serve_seq <= $2`,
      [experimentId, seq],
    );
  }

  async release(experimentId: string): Promise<void> {
    await this.dataSource.query(
      'UPDATE experiment SET claimed = false, share_bps = 0, updated_at = now() WHERE experiment_id = $1 AND claimed',
      [experimentId],
    );
  }

  async championsHold(experimentId: string): Promise<boolean> {
    const rows = await this.dataSource.query<{ cell: string; champions: PinnedChampions | null }[]>(
      'SELECT cell, champions FROM experiment WHERE experiment_id = $1',
      [experimentId],
    );
    const pinned = rows.at(0);
    if (pinned?.champions == null) return false;
    const present = await championsOf(pinned.cell, this.dataSource.manager);
    return present !== null && AGENTS.every((agent) => present[agent] === pinned.champions?.[agent]);
  }
}

/** Champion of every agent, or null while one has none. */
async function championsOf(cell: string, manager: EntityManager): Promise<PinnedChampions | null> {
  const rows = await manager.query<{ agent: Agent; model_version_id: string }[]>(
    `SELECT agent, model_version_id FROM pointer WHERE cell = $1 AND role = 'champion'`,
    [cell],
  );
  const champions = Object.fromEntries(rows.map((row) => [row.agent, row.model_version_id])) as PinnedChampions;
  return AGENTS.every((agent) => champions[agent] !== undefined) ? champions : null;
}

function codeOf(error: unknown): string | undefined {
  return (error as { driverError?: { code?: string } } | null)?.driverError?.code;
}

const recordOf = (row: Row): ExperimentRecord => ({
  experimentId: row.experiment_id,
  fleet: row.fleet,
  cell: row.cell,
  subject: row.subject,
  plan: row.plan,
  planDigest: row.plan_digest,
  requestedBy: row.requested_by,
  state: row.state,
  result: row.result,
  period: row.period,
  look: row.look,
  shareBps: row.share_bps,
  verdict: row.verdict,
  reason: row.reason,
  waitingFor: row.waiting_for,
  view: row.view,
  registeredAt: row.registered_at.toISOString(),
  endedAt: row.ended_at?.toISOString() ?? null,
});
