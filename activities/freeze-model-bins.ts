/** Drift bins of a new model: quantiles of its training inputs and of its own predictions on them, kept in its manifest. */
import type { ModelManifest } from '#domain/contracts';
import { freezeDriftBins } from '#domain/evaluation';
import { FEATURE_NAMES } from '#domain/features';
import type { WinRow } from '#domain/learning';
import type { OnnxSession } from './onnx-session';

/** Rows that bins are made of at most: a quantile of 20,000 values is known to a third of a percent. */
const MOST_ROWS = 20_000;
const BATCH = 1000;
const OUTPUTS = ['mu', 'sigma'];

/** Bins by feature and output name, from every k-th row. Null without rows. */
export async function freezeModelBins(
  session: Pick<OnnxSession, 'run'>,
  rows: readonly WinRow[],
): Promise<NonNullable<ModelManifest['driftBins']> | null> {
  const stride = Math.max(1, Math.ceil(rows.length / MOST_ROWS));
  const chosen = rows.filter((_, index) => index % stride === 0);
  if (chosen.length === 0) return null;
  const inputs = FEATURE_NAMES.map((name, column) => ({
    name,
    ...freezeDriftBins(chosen.map((row) => row.features[column] as number)),
  }));
  const outputs: number[][] = OUTPUTS.map(() => []);
  for (let from = 0; from < chosen.length; from += BATCH) {
    const batch = chosen.slice(from, from + BATCH);
    const flat = new Float32Array(batch.length * FEATURE_NAMES.length);
    batch.forEach((row, index) => flat.set(row.features, index * FEATURE_NAMES.length));
    const law = await session.run(flat, batch.length);
    OUTPUTS.forEach((_, column) => {
      for (let i = 0; i < batch.length; i++) outputs[column]!.push(law[i * OUTPUTS.length + column] as number);
    });
  }
  // A model that answers NaN fails its gates; its bins must not fail before them.
  const predictions = OUTPUTS.map((name, column) => ({
    name,
    ...freezeDriftBins(outputs[column]!.map((value) => (Number.isFinite(value) ? value : 0))),
  }));
  return { inputs, predictions };
}
