import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { DecisionRecord } from '#domain/contracts/decision-record';
import type { ModelManifest } from '#domain/contracts/model-manifest';
import { DRIFT_IGNORED, featureDrift, modelDrift, type FeatureDrift, type ModelDrift } from '#domain/meta';
import { FEATURE_NAMES } from '#domain/features';
import { SegmentFileStore } from './segment-file-store';

/** Decisions that one reading takes at most: enough for a PSI of 0.25 to be far from chance, and read in a second. */
const MOST_ROWS = 2000;

interface PlaceRow {
  path: string;
  body_at: number;
  body_bytes: number;
}

/** Inputs and predictions of a model in a window, one column per name. */
interface Columns {
  rows: number;
  values: Map<string, number[]>;
}

/** Compares what a model sees and says now with the bins frozen with it. */
@Injectable()
export class DriftReader {
  constructor(
    private readonly database: DataSource,
    private readonly files: SegmentFileStore,
  ) {}

  /** Drift of the model's bids of the champion arm decided in [fromMs, toMs); a manifest without bins cannot be compared. */
  async read(manifest: ModelManifest, fromMs: number, toMs: number): Promise<ModelDrift> {
    const { modelVersionId, driftBins } = manifest;
    if (!driftBins) {
      const reason = `${modelVersionId} has no frozen bins: its drift cannot be said until it is trained anew`;
      return { modelVersionId, n: 0, worst: [], drifted: [], reason };
    }
    const { rows, values } = await this.columns(modelVersionId, fromMs, toMs);
    const drifts: FeatureDrift[] = [];
    for (const bins of [...driftBins.inputs, ...driftBins.predictions]) {
      if (!DRIFT_IGNORED.includes(bins.name)) drifts.push(featureDrift(bins, values.get(bins.name) ?? []));
    }
    return modelDrift(modelVersionId, drifts, rows);
  }

  private async columns(modelVersionId: string, fromMs: number, toMs: number): Promise<Columns> {
    const places = await this.database.query<PlaceRow[]>(
      `SELECT s.path, d.body_at, d.body_bytes FROM (
         SELECT segment_seq, body_at, body_bytes FROM decision_index
         WHERE decided_at_ms >= $1 AND decided_at_ms < $2 AND arm = 'champion' AND NOT is_test AND no_bid_reason IS NULL
         ORDER BY md5(decision_id) LIMIT ${MOST_ROWS}) d
       JOIN segment s ON s.seq = d.segment_seq AND s.path <> '' ORDER BY s.path, d.body_at`,
      [fromMs, toMs],
    );
    const columns: Columns = { rows: 0, values: new Map() };
    for (let start = 0; start < places.length;) {
      const { path } = places[start]!;
      const inFile = places.slice(start).filter((place) => place.path === path);
      const found = inFile.map((place) => ({ bodyAt: place.body_at, bodyBytes: place.body_bytes }));
      for (const text of await this.files.readBodies(path, found))
        addRow(columns, JSON.parse(text) as DecisionRecord, modelVersionId);
      start += inFile.length;
    }
    return columns;
  }
}

function addRow(columns: Columns, record: DecisionRecord, modelVersionId: string): void {
  const { features, counterfactual, agents } = record.outputs;
  if (record.modelVersions.bid !== modelVersionId || features.length !== FEATURE_NAMES.length) return;
  columns.rows += 1;
  FEATURE_NAMES.forEach((name, index) => add(columns, name, features[index]!));
  if (counterfactual === null || agents?.bid.mode !== 'model') return;
  add(columns, 'mu', counterfactual.mu);
  add(columns, 'sigma', counterfactual.sigma);
}

function add({ values }: Columns, name: string, value: number): void {
  const column = values.get(name);
  if (column) column.push(value);
  else values.set(name, [value]);
}
