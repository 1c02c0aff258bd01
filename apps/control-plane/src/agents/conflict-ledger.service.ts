import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { appendIntent } from '../ledger/append-intent';

const HOUR_MS = 3_600_000;
/** Edges ship within seconds; an hour is summed this long after its end, what comes later makes an entry of its own. */
const GRACE_MS = 15 * 60_000;

interface Untold {
  arm: string;
  rule: string;
  winner: string;
  loser: string;
  conflicts: string;
  untold: string;
}

/** Tells the ledger, hour by hour, how often which agent overruled which other by which rule. */
@Injectable()
export class ConflictLedger {
  constructor(private readonly database: DataSource) {}

  /** Sums the hours that are over; every conflict is told once, however often this runs. @returns entries written. */
  async sumDue(cell: string, nowMs: number): Promise<number> {
    const hours = await this.database.query<{ hour_ms: string }[]>(
      `SELECT DISTINCT hour_ms FROM conflict_hour WHERE cell = $1 AND conflicts > ledgered AND hour_ms <= $2 ORDER BY hour_ms`,
      [cell, nowMs - HOUR_MS - GRACE_MS],
    );
    for (const { hour_ms } of hours)
      await this.database.transaction((manager) => sumHour(manager, cell, Number(hour_ms)));
    return hours.length;
  }
}

async function sumHour(manager: EntityManager, cell: string, hourMs: number): Promise<void> {
  const rows = await manager.query<Untold[]>(
    `SELECT arm, rule, winner, loser, conflicts, conflicts - ledgered AS untold FROM conflict_hour
     WHERE cell = $1 AND hour_ms = $2 AND conflicts > ledgered ORDER BY rule, winner, loser, arm FOR UPDATE`,
    [cell, hourMs],
  );
  if (rows.length === 0) return;
  await manager.query('UPDATE conflict_hour SET ledgered = conflicts WHERE cell = $1 AND hour_ms = $2', [cell, hourMs]);
  const hour = new Date(hourMs).toISOString();
  const subject = `${cell}/${hour}`;
  const [{ told }] = await manager.query<[{ told: number }]>(
    `SELECT count(*)::int AS told FROM intent WHERE kind = 'conflicts.summed' AND subject = $1`,
    [subject],
  );
  const sums = rows.map(({ arm, rule, winner, loser, untold }) => ({
    arm,
    rule,
    winner,
    loser,
    conflicts: Number(untold),
  }));
  const total = sums.reduce((sum, row) => sum + row.conflicts, 0);
  await appendIntent(manager, {
    key: `conflicts/${subject}/${told + 1}`,
    kind: 'conflicts.summed',
    publisher: 'meta',
    subject,
    action: { hour, isLate: told > 0, sums },
    reason: `${total} ${told > 0 ? 'late ' : ''}conflicts between agents in the hour of ${hour}`,
    expiresAt: null,
  });
}
