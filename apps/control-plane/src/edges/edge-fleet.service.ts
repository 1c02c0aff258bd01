import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { HeartbeatRequest } from '#domain/contracts/edge-protocol';
import type { Acknowledgement, EdgeDelivery } from '../../../../activities/rollout-activities';
import { exactNumber } from '../database/bigint-number';

/** An edge that has been silent this long is not counted as live: six heartbeats. */
const LIVE_MS = 30_000;
/** An edge that has been silent this long is no straggler either: it is gone. */
const FORGOTTEN_MS = 24 * 3_600_000;

/** One edge as it described itself last. Times are ISO 8601. */
export interface EdgeState {
  edgeId: string;
  bootId: string;
  live: boolean;
  lastSeenAt: string;
  bootedAt: string;
  snapshotId: string | null;
  snapshotVersion: number | null;
  /** Since when it serves that snapshot. */
  snapshotSince: string | null;
  refusedSnapshot: HeartbeatRequest['refusedSnapshot'];
  servingCanary: HeartbeatRequest['servingCanary'];
  killLevel: string;
  quarantinedAgents: string[];
  /** Cumulative since its boot. */
  counters: Record<string, number>;
  /** Growth of the counters per second between its last two heartbeats of one boot; empty before the second. */
  ratesPerSecond: Record<string, number>;
  outboxBytes: number;
}

interface EdgeRow {
  edge_id: string;
  boot_id: string;
  last_seen_at: Date;
  booted_at: Date;
  snapshot_id: string | null;
  snapshot_version: string | null;
  snapshot_since: Date | null;
  refused_snapshot: HeartbeatRequest['refusedSnapshot'];
  serving_canary: HeartbeatRequest['servingCanary'];
  kill_level: string;
  quarantined_agents: string[];
  counters: Record<string, number>;
  previous_counters: Record<string, number> | null;
  previous_seen_at: Date | null;
  outbox_bytes: string;
}

/** What the edges of the fleet say they really serve. */
@Injectable()
export class EdgeFleet {
  constructor(private readonly database: DataSource) {}

  /** Stores one heartbeat; the one before is kept for rates. An older one (by `nowMs` of receipt) cannot come later. */
  async record(heartbeat: HeartbeatRequest, nowMs = Date.now()): Promise<void> {
    await this.database.query(
      `INSERT INTO edge AS e (edge_id, fleet, boot_id, first_seen_at, last_seen_at, booted_at, snapshot_id, snapshot_version,
         snapshot_since, refused_snapshot, serving_canary, kill_level, quarantined_agents, counters, outbox_bytes)
       VALUES ($1, $2, $3, $4, $4, $4, $5, $6, $4, $7, $8, $9, $10, $11, $12)
       ON CONFLICT (edge_id) DO UPDATE SET fleet = $2, boot_id = $3, last_seen_at = $4,
         booted_at = CASE WHEN e.boot_id = $3 THEN e.booted_at ELSE $4 END,
         snapshot_since = CASE WHEN e.snapshot_id IS NOT DISTINCT FROM $5 THEN e.snapshot_since ELSE $4 END,
         snapshot_id = $5, snapshot_version = $6, refused_snapshot = $7, serving_canary = $8, kill_level = $9,
         quarantined_agents = $10, outbox_bytes = $12, counters = $11,
         previous_counters = CASE WHEN e.boot_id = $3 THEN e.counters END,
         previous_seen_at = CASE WHEN e.boot_id = $3 THEN e.last_seen_at END`,
      [
        heartbeat.edgeId,
        heartbeat.fleet,
        heartbeat.bootId,
        new Date(nowMs),
        heartbeat.snapshotId,
        heartbeat.snapshotVersion,
        jsonOrNull(heartbeat.refusedSnapshot),
        jsonOrNull(heartbeat.servingCanary),
        heartbeat.killLevel,
        heartbeat.quarantinedAgents,
        JSON.stringify(heartbeat.counters),
        heartbeat.outboxBytes,
      ],
    );
  }

  /** Every edge seen within a day, by id. */
  async edges(nowMs = Date.now()): Promise<EdgeState[]> {
    const rows = (await this.database.query('SELECT * FROM edge WHERE last_seen_at > $1 ORDER BY edge_id', [
      new Date(nowMs - FORGOTTEN_MS),
    ])) as EdgeRow[];
    return rows.map((row) => toEdgeState(row, nowMs));
  }

  /** Number of edges heard of within the last 30 s. */
  async liveEdges(nowMs = Date.now()): Promise<number> {
    const [row] = (await this.database.query('SELECT count(*)::integer AS live FROM edge WHERE last_seen_at > $1', [
      new Date(nowMs - LIVE_MS),
    ])) as { live: number }[];
    return row?.live ?? 0;
  }

  /**
   * Which edges serve `version` or a later one, by their own word, edge by edge; a straggler was seen within a day and does
   * not, connected or not.
   */
  async acknowledged(version: number, nowMs = Date.now()): Promise<Required<Acknowledgement>> {
    const edges = (await this.edges(nowMs)).map((edge) => deliveryOf(edge, version));
    const ids = (wanted: (edge: EdgeDelivery) => boolean) => edges.filter(wanted).map((edge) => edge.edgeId);
    return {
      acknowledged: ids((edge) => edge.serves),
      stragglers: ids((edge) => !edge.serves),
      connected: ids((edge) => !edge.serves && edge.live),
      edges,
    };
  }
}

const jsonOrNull = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));

const deliveryOf = (edge: EdgeState, version: number): EdgeDelivery => ({
  edgeId: edge.edgeId,
  serves: edge.live && (edge.snapshotVersion ?? 0) >= version,
  live: edge.live,
  snapshotVersion: edge.snapshotVersion,
  refused:
    edge.refusedSnapshot === null
      ? null
      : `version ${edge.refusedSnapshot.version}, ${edge.refusedSnapshot.code}: ${edge.refusedSnapshot.detail}`,
});

function toEdgeState(row: EdgeRow, nowMs: number): EdgeState {
  return {
    edgeId: row.edge_id,
    bootId: row.boot_id,
    live: row.last_seen_at.getTime() > nowMs - LIVE_MS,
    lastSeenAt: row.last_seen_at.toISOString(),
    bootedAt: row.booted_at.toISOString(),
    snapshotId: row.snapshot_id,
    snapshotVersion: row.snapshot_version === null ? null : exactNumber(row.snapshot_version),
    snapshotSince: row.snapshot_since?.toISOString() ?? null,
    refusedSnapshot: row.refused_snapshot,
    servingCanary: row.serving_canary,
    killLevel: row.kill_level,
    quarantinedAgents: row.quarantined_agents,
    counters: row.counters,
    ratesPerSecond: ratesOf(row),
    outboxBytes: exactNumber(row.outbox_bytes),
  };
}

function ratesOf(row: EdgeRow): Record<string, number> {
  if (!row.previous_counters || !row.previous_seen_at) return {};
  const seconds = (row.last_seen_at.getTime() - row.previous_seen_at.getTime()) / 1000;
  if (seconds <= 0) return {};
  const before = row.previous_counters;
  return Object.fromEntries(
    Object.entries(row.counters).map(([name, value]) => [name, Math.max(0, value - (before[name] ?? 0)) / seconds]),
  );
}
