import { createHash } from 'node:crypto';
import { appendFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import {
  decisionRow,
  hourOf,
  LAKE_COLUMNS,
  LAKE_DATASETS,
  outcomeRow,
  shadowRow,
  type LakeDataset,
} from '#domain/lake/decision-columns';
import { readSegment, type SegmentContent } from '#domain/lake/segment-content';
import { DuckLake, literal } from './duck-lake';
import { SegmentFileStore } from './segment-file-store';

/** At most so many segments and raw bytes become Parquet in one batch. */
const BATCH_SEGMENTS = 256;
const BATCH_BYTES = 32 << 20;
/** Advisory lock of whoever writes Parquet, one in the fleet: 'lake' in ASCII. */
export const SEAL_LOCK = 0x6c616b65;

interface WaitingSegment {
  seq: string;
  key: string;
  sha256: string;
  path: string;
  bytes: number;
  has_duplicates: boolean;
}

/** A file of rows on its way to Parquet. */
interface Part {
  dataset: LakeDataset;
  hour: string;
  rows: number;
  minAtMs: number;
  maxAtMs: number;
}

export interface SealReport {
  segments: number;
  files: number;
  rows: number;
}

/**
 * Turns ingested segments into Parquet, partitioned by dataset and hour of the decision. A batch's files are named after the
 * segments in it and count only once `lake_file` lists them, in the transaction that marks its segments as sealed: a crash in
 * between leaves files that nobody reads and that the same batch overwrites.
 */
@Injectable()
export class ParquetSealer {
  constructor(
    private readonly database: DataSource,
    private readonly files: SegmentFileStore,
    private readonly duck: DuckLake,
  ) {}

  /** Seals everything ingested so far, waiting for another sealer if there is one. */
  async sealNow(): Promise<SealReport> {
    const total: SealReport = { segments: 0, files: 0, rows: 0 };
    for (;;) {
      const report = await this.database.transaction(async (manager) => {
        await manager.query('SELECT pg_advisory_xact_lock($1)', [SEAL_LOCK]);
        return this.sealBatch(manager);
      });
      if (report.segments === 0) return total;
      for (const name of ['segments', 'files', 'rows'] as const) total[name] += report[name];
    }
  }

  /** Seals one batch if no other sealer is at work and enough waits: `minBytes` raw or anything older than `maxAgeMs`. */
  async sealIfDue(minBytes: number, maxAgeMs: number): Promise<SealReport | null> {
    return this.database.transaction(async (manager) => {
      const [lock] = await manager.query<{ mine: boolean }[]>('SELECT pg_try_advisory_xact_lock($1) AS mine', [
        SEAL_LOCK,
      ]);
      if (!lock?.mine) return null;
      const [waiting] = await manager.query<{ bytes: string | null; age_ms: number | null }[]>(
        `SELECT sum(bytes) AS bytes, (extract(epoch FROM clock_timestamp() - min(ingested_at)) * 1000)::float8 AS age_ms
          FROM segment WHERE parquet_batch IS NULL`,
      );
      if (Number(waiting?.bytes ?? 0) < minBytes && (waiting?.age_ms ?? 0) < maxAgeMs) return null;
      return this.sealBatch(manager);
    });
  }

  private async sealBatch(manager: EntityManager): Promise<SealReport> {
    const segments = await waitingSegments(manager);
    if (segments.length === 0) return { segments: 0, files: 0, rows: 0 };
    const batch = createHash('sha256')
      .update(segments.map(({ key, sha256 }) => `${key} ${sha256}\n`).join(''))
      .digest('hex')
      .slice(0, 24);
    const folder = join(this.duck.root, 'tmp', `seal-${batch}-${process.pid}`);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    try {
      const parts = new Map<string, Part>();
      for (const segment of segments) await this.spread(manager, segment, folder, parts);
      for (const [name, part] of parts) await this.writeParquet(manager, batch, join(folder, name), part);
      await manager.query('UPDATE segment SET parquet_batch = $1 WHERE seq = ANY($2::bigint[])', [
        batch,
        segments.map(({ seq }) => seq),
      ]);
      const rows = [...parts.values()].reduce((sum, part) => sum + part.rows, 0);
      return { segments: segments.length, files: parts.size, rows };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Appends one segment's events as JSON lines to the file of their dataset and hour. */
  private async spread(
    manager: EntityManager,
    segment: WaitingSegment,
    folder: string,
    parts: Map<string, Part>,
  ): Promise<void> {
    const read = readSegment(await this.files.read(segment.path), crc32);
    if (!read.ok) throw new Error(`stored segment ${segment.path} is damaged: ${read.fault.detail}`);
    const content = segment.has_duplicates ? await ownEvents(manager, segment.seq, read.content) : read.content;
    const lines = new Map<string, string[]>();
    const add = (dataset: LakeDataset, atMs: number, row: object) => {
      const hour = hourOf(atMs);
      const name = `${dataset}-${hour}.ndjson`;
      const part = parts.get(name) ?? { dataset, hour, rows: 0, minAtMs: atMs, maxAtMs: atMs };
      part.rows += 1;
      part.minAtMs = Math.min(part.minAtMs, atMs);
      part.maxAtMs = Math.max(part.maxAtMs, atMs);
      parts.set(name, part);
      const texts = lines.get(name);
      if (texts) texts.push(JSON.stringify(row));
      else lines.set(name, [JSON.stringify(row)]);
    };
    for (const { event, text } of content.decisions) add('decisions', event.inputs.nowMs, decisionRow(event, text));
    for (const { event } of content.outcomes) add('outcomes', event.decidedAtMs, outcomeRow(event));
    for (const { event } of content.shadows) add('shadows', event.atMs, shadowRow(event));
    for (const [name, texts] of lines) await appendFile(join(folder, name), `${texts.join('\n')}\n`);
  }

  private async writeParquet(manager: EntityManager, batch: string, source: string, part: Part): Promise<void> {
    const path = join('parquet', part.dataset, `hour=${part.hour}`, `${batch}.parquet`);
    const target = join(this.duck.root, path);
    await mkdir(dirname(target), { recursive: true });
    const draft = `${target}.${process.pid}.tmp`;
    const columns = Object.entries(LAKE_COLUMNS[part.dataset])
      .map(([name, type]) => `${name}: ${literal(type)}`)
      .join(', ');
    await this.duck.with((connection) =>
      connection.run(
        `COPY (SELECT * FROM read_json(${literal(source)}, format = 'newline_delimited', columns = {${columns}}))
          TO ${literal(draft)} (FORMAT parquet, COMPRESSION zstd)`,
      ),
    );
    await rename(draft, target);
    const { size } = await stat(target);
    await manager.query(
      `INSERT INTO lake_file (path, dataset, hour, batch, rows, bytes, min_at_ms, max_at_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [path, part.dataset, part.hour, batch, part.rows, size, part.minAtMs, part.maxAtMs],
    );
  }
}

/** The oldest unsealed segments, up to the batch's bounds (always at least one). */
async function waitingSegments(manager: EntityManager): Promise<WaitingSegment[]> {
  const rows = await manager.query<WaitingSegment[]>(
    `SELECT seq, edge_id || '/' || segment_id AS key, sha256, path, bytes,
        duplicate_decisions + duplicate_outcomes > 0 AS has_duplicates
      FROM segment WHERE parquet_batch IS NULL ORDER BY seq LIMIT $1`,
    [BATCH_SEGMENTS],
  );
  let bytes = 0;
  return rows.filter((row, at) => {
    bytes += row.bytes;
    return at === 0 || bytes <= BATCH_BYTES;
  });
}

/** Without the events that an earlier segment had brought already, so that each is in the lake once. */
async function ownEvents(manager: EntityManager, seq: string, content: SegmentContent): Promise<SegmentContent> {
  const decisions = await manager.query<{ body_at: number }[]>(
    'SELECT body_at FROM decision_index WHERE segment_seq = $1',
    [seq],
  );
  const outcomes = await manager.query<{ key: string }[]>(
    `SELECT decision_id || '|' || kind AS key FROM outcome WHERE segment_seq = $1`,
    [seq],
  );
  const places = new Set(decisions.map((row) => row.body_at));
  const keys = new Set(outcomes.map((row) => row.key));
  return {
    shadows: content.shadows,
    decisions: content.decisions.filter(({ bodyAt }) => places.has(bodyAt)),
    // `delete` answers true once per key: a repetition inside the segment is dropped too.
    outcomes: content.outcomes.filter(({ event }) => keys.delete(`${event.decisionId}|${event.kind}`)),
  };
}

/** Lists the lake's files of a dataset that may hold events decided in [fromMs, toMs), as absolute paths. */
export async function lakeFiles(
  duck: DuckLake,
  database: DataSource,
  dataset: (typeof LAKE_DATASETS)[number],
  fromMs: number,
  toMs: number,
): Promise<string[]> {
  const rows = await database.query<{ path: string }[]>(
    'SELECT path FROM lake_file WHERE dataset = $1 AND max_at_ms >= $2 AND min_at_ms < $3 AND retired_at IS NULL ORDER BY path',
    [dataset, fromMs, toMs],
  );
  return rows.map(({ path }) => join(duck.root, path));
}
