import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { type Freeze, releaseHold } from '#domain/rollout/release-hold';
import { IntentRepository } from '../ledger/intent.repository';
import { prefixedId } from '../prefixed-id';
import { notFound, ProblemError } from '../problems/problem-error';

/** The line of a fleet as it stands. */
export interface Line {
  fleet: string;
  stoppedBy: string | null;
  reason: string;
  changedBy: string | null;
  changedAt: string | null;
}

/** A freeze as it was declared. */
export interface DeclaredFreeze extends Freeze {
  reason: string;
  declaredBy: string;
}

export interface NewFreeze {
  fleet: string;
  name: string;
  reason: string;
  fromMs: number;
  untilMs: number;
  timeZone: string;
  hoursOfWeek: readonly number[];
}

interface LineRow {
  stopped_by: string | null;
  changed_by: string;
  reason: string;
  version: number;
  changed_at: Date;
}

interface FreezeRow {
  freeze_id: string;
  name: string;
  reason: string;
  from_at: Date;
  until_at: Date;
  time_zone: string;
  hours_of_week: number[];
  declared_by: string;
}

/** Whoever raises exposure takes this lock shared, whoever stops the line exclusively: after a stop, no raise commits. */
const lockOf = (fleet: string): string => `release-line/${fleet}`;

/** What blocks increases of exposure in a fleet: the stopped line and the freeze calendar. Each change is an intent. */
@Injectable()
export class ReleaseHolds {
  constructor(
    private readonly dataSource: DataSource,
    private readonly intents: IntentRepository,
  ) {}

  /**
   * Why exposure may not rise now, or null. Inside the caller's transaction the answer stands until its end: a stop that comes
   * meanwhile waits for it.
   */
  async reason(fleet: string, nowMs: number, manager?: EntityManager): Promise<string | null> {
    if (manager !== undefined)
      await manager.query('SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))', [lockOf(fleet)]);
    const line = await this.line(fleet, manager);
    const stopped = line.stoppedBy === null ? null : { stoppedBy: line.stoppedBy, reason: line.reason };
    return releaseHold(stopped, await this.freezes(fleet, nowMs, manager), nowMs);
  }

  async line(fleet: string, manager: EntityManager = this.dataSource.manager): Promise<Line> {
    const [row] = await manager.query<LineRow[]>('SELECT * FROM release_line WHERE fleet = $1', [fleet]);
    if (row === undefined) return { fleet, stoppedBy: null, reason: 'never stopped', changedBy: null, changedAt: null };
    return {
      fleet,
      stoppedBy: row.stopped_by,
      reason: row.reason,
      changedBy: row.changed_by,
      changedAt: row.changed_at.toISOString(),
    };
  }

  /** Freezes that stand now or later, the earliest end first. */
  async freezes(
    fleet: string,
    nowMs: number,
    manager: EntityManager = this.dataSource.manager,
  ): Promise<DeclaredFreeze[]> {
    const rows = await manager.query<FreezeRow[]>(
      `SELECT * FROM release_freeze WHERE fleet = $1 AND lifted_at IS NULL AND until_at > $2 ORDER BY until_at, freeze_id`,
      [fleet, new Date(nowMs)],
    );
    return rows.map((row) => ({
      freezeId: row.freeze_id,
      name: row.name,
      reason: row.reason,
      fromMs: row.from_at.getTime(),
      untilMs: row.until_at.getTime(),
      timeZone: row.time_zone,
      hoursOfWeek: row.hours_of_week,
      declaredBy: row.declared_by,
    }));
  }

  /** Stops the line; it takes one person. Stopping a stopped line changes nothing: the first stop stands. */
  async stop(fleet: string, by: string, reason: string): Promise<Line> {
    return this.changeLine(fleet, by, reason, 'line.stopped');
  }

  /**
   * Lets exposure rise again; it takes a second person.
   * @throws ProblemError `four-eyes` when who stopped it resumes it; `conflict` when it is not stopped.
   */
  async resume(fleet: string, by: string, reason: string): Promise<Line> {
    return this.changeLine(fleet, by, reason, 'line.resumed');
  }

  /** Adds a stretch to the freeze calendar. */
  async declare(freeze: NewFreeze, by: string): Promise<DeclaredFreeze> {
    const freezeId = prefixedId('frz');
    const { fleet, name, reason, fromMs, untilMs, timeZone, hoursOfWeek } = freeze;
    await this.dataSource.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [lockOf(fleet)]);
      await manager.query(
        `INSERT INTO release_freeze (freeze_id, fleet, name, reason, from_at, until_at, time_zone, hours_of_week, declared_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [freezeId, fleet, name, reason, new Date(fromMs), new Date(untilMs), timeZone, [...hoursOfWeek], by],
      );
      await this.announce(manager, 'freeze.declared', freezeId, { by, fleet, name, fromMs, untilMs, timeZone }, reason);
    });
    return { freezeId, name, reason, fromMs, untilMs, timeZone, hoursOfWeek, declaredBy: by };
  }

  /** Takes a freeze off the calendar. @throws ProblemError `not-found` when no such freeze stands. */
  async lift(fleet: string, freezeId: string, by: string, reason: string): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const [rows] = await manager.query<[unknown[], number]>(
        `UPDATE release_freeze SET lifted_at = now(), lifted_by = $3, lift_reason = $4
         WHERE freeze_id = $2 AND fleet = $1 AND lifted_at IS NULL RETURNING freeze_id`,
        [fleet, freezeId, by, reason],
      );
      if (rows.length === 0) throw notFound('standing freeze', freezeId);
      await this.announce(manager, 'freeze.lifted', freezeId, { by, fleet }, reason);
    });
  }

  private async changeLine(
    fleet: string,
    by: string,
    reason: string,
    kind: 'line.stopped' | 'line.resumed',
  ): Promise<Line> {
    return this.dataSource.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [lockOf(fleet)]);
      const [row] = await manager.query<LineRow[]>('SELECT * FROM release_line WHERE fleet = $1', [fleet]);
      const stops = kind === 'line.stopped';
      const stoppedBy = row?.stopped_by ?? null;
      if (stops && stoppedBy !== null) return this.line(fleet, manager);
      if (!stops && stoppedBy === null) throw new ProblemError('conflict', `The line of ${fleet} is not stopped.`);
      if (!stops && stoppedBy === by) {
        const detail = `${by} stopped the line; somebody else must resume it`;
        throw new ProblemError('four-eyes', detail, [{ pointer: '', code: 'FOUR_EYES', detail }]);
      }
      const version = (row?.version ?? 0) + 1;
      await manager.query(
        `INSERT INTO release_line (fleet, stopped_by, changed_by, reason, version) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (fleet) DO UPDATE SET stopped_by = $2, changed_by = $3, reason = $4, version = $5, changed_at = now()`,
        [fleet, stops ? by : null, by, reason, version],
      );
      await this.announce(
        manager,
        kind,
        `${fleet}/${version}`,
        { by, fleet, stoppedBy: stops ? by : stoppedBy },
        reason,
      );
      return this.line(fleet, manager);
    });
  }

  private async announce(
    manager: EntityManager,
    kind: 'line.stopped' | 'line.resumed' | 'freeze.declared' | 'freeze.lifted',
    subject: string,
    action: Record<string, unknown>,
    reason: string,
  ): Promise<void> {
    await this.intents.append(
      { key: `${kind}/${subject}`, kind, publisher: 'operator', subject, action, reason, expiresAt: null },
      manager,
    );
  }
}
