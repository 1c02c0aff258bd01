import { createHash } from 'node:crypto';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { hourOf, type LakeDataset } from '#domain/lake/decision-columns';
import { DuckLake, literal, parquetByName } from './duck-lake';
import { SEAL_LOCK } from './parquet-sealer.service';

const HOUR_MS = 3_600_000;
/** An hour is merged when it ended so long ago, holds more files than this, and at most so many at once. */
const CLOSED_MS = HOUR_MS;
const MIN_FILES = 8;
const MAX_FILES = 256;
/** A query that listed a file before it was replaced has ended by then. */
const RETIRED_KEPT_MS = HOUR_MS;

interface HourFiles {
  dataset: LakeDataset;
  hour: string;
  paths: string[];
}

/** Merges the many small files of a closed hour into one, so that a day of traffic stays a few dozen files. */
@Injectable()
export class ParquetCompactor {
  constructor(
    private readonly database: DataSource,
    private readonly duck: DuckLake,
  ) {}

  /** Merges one dataset of one hour, if any is due and nobody seals. Answers how many files became one. */
  async compactOne(nowMs: number): Promise<number> {
    return this.database.transaction(async (manager) => {
      const [lock] = await manager.query<{ mine: boolean }[]>('SELECT pg_try_advisory_xact_lock($1) AS mine', [
        SEAL_LOCK,
      ]);
      if (!lock?.mine) return 0;
      const [due] = await manager.query<HourFiles[]>(
        `SELECT dataset, hour, (array_agg(path ORDER BY path))[1:${MAX_FILES}] AS paths
          FROM lake_file WHERE retired_at IS NULL AND hour < $1
          GROUP BY dataset, hour HAVING count(*) > ${MIN_FILES} ORDER BY hour, dataset LIMIT 1`,
        [hourOf(nowMs - CLOSED_MS)],
      );
      if (due) await this.merge(manager, due);
      return due?.paths.length ?? 0;
    });
  }

  /** Deletes files that were replaced long enough ago. */
  async deleteRetired(nowMs: number): Promise<void> {
    const retired = await this.database.query<{ path: string }[]>(
      'SELECT path FROM lake_file WHERE retired_at < to_timestamp($1 / 1000.0) ORDER BY path LIMIT 1000',
      [nowMs - RETIRED_KEPT_MS],
    );
    for (const { path } of retired) await rm(join(this.duck.root, path), { force: true });
    if (retired.length === 0) return;
    await this.database.query('DELETE FROM lake_file WHERE path = ANY($1)', [retired.map(({ path }) => path)]);
  }

  private async merge(manager: EntityManager, { dataset, hour, paths }: HourFiles): Promise<void> {
    const batch = createHash('sha256').update(paths.join('\n')).digest('hex').slice(0, 24);
    const path = join('parquet', dataset, `hour=${hour}`, `${batch}.parquet`);
    const target = join(this.duck.root, path);
    const draft = `${target}.${process.pid}.tmp`;
    await mkdir(dirname(target), { recursive: true });
    const sources = paths.map((source) => join(this.duck.root, source));
    try {
      await this.duck.with((connection) =>
        connection.run(
          `COPY (SELECT * FROM ${parquetByName(sources)}) TO ${literal(draft)} (FORMAT parquet, COMPRESSION zstd)`,
        ),
      );
      await rename(draft, target);
    } finally {
      await rm(draft, { force: true });
    }
    const { size } = await stat(target);
    await manager.query(
      `INSERT INTO lake_file (path, dataset, hour, batch, rows, bytes, min_at_ms, max_at_ms)
        SELECT $1, $2, $3, $4, sum(rows), $5, min(min_at_ms), max(max_at_ms) FROM lake_file WHERE path = ANY($6)`,
      [path, dataset, hour, batch, size, paths],
    );
    await manager.query('UPDATE lake_file SET retired_at = now() WHERE path = ANY($1)', [paths]);
  }
}
