import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { DataSource } from 'typeorm';
import type { EdgeEvent } from '#domain/contracts/segment';
import { encodeFrame } from '../fixtures/encode-frame';
import { ControlPlaneConfig } from '../../apps/control-plane/src/config';
import { dataSourceOptions } from '../../apps/control-plane/src/database/data-source';
import { migrate } from '../../apps/control-plane/src/database/migrate';
import { IncidentRepository } from '../../apps/control-plane/src/incidents/incident.repository';
import { DecisionReader } from '../../apps/control-plane/src/lake/decision-reader.service';
import { DuckLake } from '../../apps/control-plane/src/lake/duck-lake';
import { KpiRepository } from '../../apps/control-plane/src/lake/kpi.repository';
import { LakeRetention } from '../../apps/control-plane/src/lake/lake-retention';
import { LakeStatusService } from '../../apps/control-plane/src/lake/lake-status.service';
import { ModelExpectation } from '../../apps/control-plane/src/lake/model-expectation';
import { ParquetCompactor } from '../../apps/control-plane/src/lake/parquet-compactor.service';
import { ParquetSealer } from '../../apps/control-plane/src/lake/parquet-sealer.service';
import { ReconciliationService } from '../../apps/control-plane/src/lake/reconciliation.service';
import { RolloutSegments } from '../../apps/control-plane/src/lake/rollout-segments';
import { SegmentFileStore } from '../../apps/control-plane/src/lake/segment-file-store';
import { SegmentIngestService } from '../../apps/control-plane/src/lake/segment-ingest.service';
import { WindowService } from '../../apps/control-plane/src/lake/window.service';
import { freshDatabase } from '../servers';

/** The lake's services over a database and a folder of their own. */
export async function openLake() {
  const databaseUrl = await freshDatabase();
  await migrate(databaseUrl);
  const home = await mkdtemp(join(tmpdir(), 'adloop-lake-'));
  const config = ControlPlaneConfig.read({ DATABASE_URL: databaseUrl, ADLOOP_HOME: home, KPI_BUCKET_SECONDS: '5' });
  const database = await new DataSource(dataSourceOptions(databaseUrl, 8)).initialize();
  const files = new SegmentFileStore(config);
  const duck = new DuckLake(config);
  const sealer = new ParquetSealer(database, files, duck);
  const kpis = new KpiRepository(database, config);
  const incidents = new IncidentRepository(database);
  const decisions = new DecisionReader(database, files, duck);
  return {
    home,
    config,
    database,
    duck,
    sealer,
    kpis,
    decisions,
    incidents,
    files,
    ingest: new SegmentIngestService(
      database,
      config,
      files,
      new ModelExpectation(database),
      new RolloutSegments(database),
    ),
    windows: new WindowService(database, duck, sealer, incidents, config),
    reconciliation: new ReconciliationService(database, config),
    compactor: new ParquetCompactor(database, duck),
    retention: new LakeRetention(database, duck),
    status: new LakeStatusService(database, config, kpis, decisions),
    async close() {
      await duck.onApplicationShutdown();
      await database.destroy();
      await rm(home, { recursive: true, force: true });
    },
  };
}
export type OpenLake = Awaited<ReturnType<typeof openLake>>;

/** A sealed segment as the edge writes it. */
export function segmentOf(events: readonly EdgeEvent[]): { bytes: Buffer; sha256: string } {
  const bytes = Buffer.concat(events.map((event) => encodeFrame(Buffer.from(JSON.stringify(event)), crc32)));
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Repeatable draws in [0, 1). */
export function draws(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

/** In parts of `size`. */
export function inParts<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}
