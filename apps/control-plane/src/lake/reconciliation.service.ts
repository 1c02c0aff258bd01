import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ControlPlaneConfig } from '../config';

/** One conserved quantity: what the events say, what the rollups say. */
export interface Balance {
  quantity: string;
  events: number;
  rollups: number;
}

export interface Reconciliation {
  balances: Balance[];
  /** Balances whose two sides differ. */
  broken: Balance[];
  /** Accepted outcomes by kind, test traffic included. */
  outcomes: Record<string, number>;
  /** Outcomes whose decision has not arrived (yet), among decisions young enough to be in the index. */
  orphans: number;
  duplicates: { decisions: number; outcomes: number };
  /** Bills that came after their reservation was voided: real spend. */
  lateBills: { count: number; spendNanos: number };
}

const HOUR_MS = 3_600_000;
/** The index is pruned after 48 h: older decisions cannot be compared with the rollups. */
const COMPARED_MS = 47 * HOUR_MS;

/** Proves that nothing was lost or counted twice between the events and the sums. */
@Injectable()
export class ReconciliationService {
  constructor(
    private readonly database: DataSource,
    private readonly config: ControlPlaneConfig,
  ) {}

  /** Compares over decision time since `sinceMs`, rounded down to a KPI bucket. */
  async reconcile(sinceMs = Date.now() - COMPARED_MS): Promise<Reconciliation> {
    const bucketMs = this.config.kpiBucketSeconds * 1000;
    const fromMs = Math.floor(sinceMs / bucketMs) * bucketMs;
    return this.database.transaction('REPEATABLE READ', async (manager) => {
      const one = async (sql: string) => (await manager.query<Record<string, string>[]>(sql, [fromMs]))[0] ?? {};
      const events = {
        ...(await one(`SELECT count(*) FILTER (WHERE imp_index = 0) AS requests,
          count(*) FILTER (WHERE no_bid_reason IS NULL) AS bids,
          count(*) FILTER (WHERE no_bid_reason = 'internal-error') AS errors
          FROM decision_index WHERE decided_at_ms >= $1 AND NOT is_test`)),
        ...(await one(`SELECT count(*) FILTER (WHERE kind = 'win') AS wins,
          count(*) FILTER (WHERE kind = 'bill') AS impressions,
          count(*) FILTER (WHERE kind = 'click') AS clicks,
          count(*) FILTER (WHERE kind = 'conversion') AS conversions,
          coalesce(sum(value_nanos) FILTER (WHERE kind IN ('click', 'conversion')), 0) AS value_nanos,
          coalesce(sum(price_nanos) FILTER (WHERE kind = 'bill'), 0) AS spend_nanos
          FROM outcome WHERE decided_at_ms >= $1 AND NOT is_test`)),
      };
      const names = Object.keys(events);
      const rollups = await one(
        `SELECT ${names.map((name) => `coalesce(sum(${name}), 0) AS ${name}`).join(', ')} FROM kpi_rollup WHERE bucket_ms >= $1`,
      );
      const balances = names.map((quantity) => ({
        quantity,
        events: Number(events[quantity]),
        rollups: Number(rollups[quantity]),
      }));
      const kinds = await manager.query<{ kind: string; n: string }[]>(
        'SELECT kind, count(*) AS n FROM outcome WHERE decided_at_ms >= $1 GROUP BY kind ORDER BY kind',
        [fromMs],
      );
      const orphans = await one(`SELECT count(*) AS n FROM outcome o WHERE decided_at_ms >= $1
        AND NOT EXISTS (SELECT 1 FROM decision_index d WHERE d.decision_id = o.decision_id)`);
      const [duplicates] = await manager.query<Record<string, string>[]>(
        `SELECT coalesce(sum(duplicate_decisions), 0) AS decisions, coalesce(sum(duplicate_outcomes), 0) AS outcomes FROM segment`,
      );
      const late = await one(`SELECT count(*) AS n, coalesce(sum(price_nanos), 0) AS spend FROM outcome
        WHERE decided_at_ms >= $1 AND kind = 'bill' AND NOT reservation_live AND NOT is_test`);
      return {
        balances,
        broken: balances.filter((balance) => balance.events !== balance.rollups),
        outcomes: Object.fromEntries(kinds.map(({ kind, n }) => [kind, Number(n)])),
        orphans: Number(orphans.n),
        duplicates: { decisions: Number(duplicates?.decisions), outcomes: Number(duplicates?.outcomes) },
        lateBills: { count: Number(late.n), spendNanos: Number(late.spend) },
      };
    });
  }
}
