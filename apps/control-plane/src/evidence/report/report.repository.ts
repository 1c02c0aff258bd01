import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { RolloutReport } from './report-schema';

type Event = RolloutReport['events'][number];
type Share = RolloutReport['shares'][number];

/** What happened to a rollout beside its looks: published shares, approvals, intents, deployments. */
@Injectable()
export class ReportRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Shares of a rollout in the snapshots published between two times, each only where it changed. */
  async shares(rolloutId: string, cell: string, from: Date, to: Date): Promise<Share[]> {
    const rows = await this.dataSource.query<
      { at: Date; version: string; canary: number | null; shadow: number | null }[]
    >(
      `SELECT published_at AS at, version,
         CASE WHEN snap->'canary'->>'rolloutId' = $1 THEN (snap->'canary'->>'shareBps')::int END AS canary,
         (SELECT (shadow->>'sampleBps')::int FROM jsonb_array_elements(snap->'shadows') shadow WHERE shadow->>'rolloutId' = $1 LIMIT 1) AS shadow
       FROM (SELECT version, published_at, payload::jsonb AS snap FROM snapshot WHERE cell = $2 AND published_at BETWEEN $3 AND $4) s
       ORDER BY version`,
      [rolloutId, cell, from, to],
    );
    const shares: Share[] = [];
    for (const { at, version, canary, shadow } of rows) {
      const share = {
        atMs: at.getTime(),
        snapshotVersion: Number(version),
        canaryBps: canary ?? 0,
        shadowBps: shadow ?? 0,
      };
      const last = shares.at(-1) ?? { canaryBps: 0, shadowBps: 0 };
      if (last.canaryBps !== share.canaryBps || last.shadowBps !== share.shadowBps) shares.push(share);
    }
    return shares;
  }

  /** Approvals, ledger entries about the rollout and moves of pointers by it, oldest first. */
  async events(rolloutId: string): Promise<Event[]> {
    const rows = await this.dataSource.query<(Omit<Event, 'atMs'> & { at: Date })[]>(
      `SELECT recorded_at AS at, CASE decision WHEN 'approve' THEN 'approved' ELSE 'rejected' END AS kind, approver AS who,
         'stage ' || stage || ' on evidence ' || left(evidence_digest, 12) AS what, reason FROM approval WHERE rollout_id = $1
       UNION ALL SELECT recorded_at, 'intent', publisher, kind, reason FROM intent WHERE subject = $1
       UNION ALL SELECT at, 'deployed', actor, role || ' is ' || to_model_version_id, reason FROM deployment_event WHERE rollout_id = $1
       ORDER BY 1`,
      [rolloutId],
    );
    return rows.map(({ at, ...event }) => ({ atMs: at.getTime(), ...event }));
  }
}
