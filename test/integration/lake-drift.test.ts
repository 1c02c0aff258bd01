import type { ModelManifest } from '#domain/contracts/model-manifest';
import { freezeDriftBins } from '#domain/evaluation';
import { FEATURE_NAMES } from '#domain/features';
import { sampleEvents } from '#domain/lake/sample-events';
import { DriftReader } from '../../apps/control-plane/src/lake/drift-reader.service';
import { draws, openLake, segmentOf, type OpenLake } from './open-lake';

const START_MS = Math.floor((Date.now() - 600_000) / 5_000) * 5_000;

/** Bins of features drawn like the sample's, uniform in [−1, 1), the first `moved` of them drawn elsewhere. */
function manifestOf(moved: number): ModelManifest {
  const rng = draws(5);
  const values = (shift: number) => Array.from({ length: 5000 }, () => Math.fround(rng() * 2 - 1 + shift));
  const inputs = FEATURE_NAMES.map((name, index) => ({ name, ...freezeDriftBins(values(index < moved ? 1 : 0)) }));
  const predictions = [{ name: 'mu', ...freezeDriftBins([0.3, 0.3, 0.3]) }];
  return { modelVersionId: 'bid-1', driftBins: { inputs, predictions } } as unknown as ModelManifest;
}

describe('drift of logged decisions', () => {
  let lake: OpenLake;
  let reader: DriftReader;
  beforeAll(async () => {
    lake = await openLake();
    reader = new DriftReader(lake.database, lake.files);
    const all = [...sampleEvents({ startMs: START_MS, requestsPerSecond: 20, rng: draws(1) }, 2000)];
    for (const [part, from] of [0, 1000].entries()) {
      const { bytes, sha256 } = segmentOf(all.slice(from, from + 1000).map(({ decision }) => decision));
      await lake.ingest.ingest('edge-1', `b-00000${part}`, sha256, bytes);
    }
  });
  afterAll(() => lake.close());

  test('is none against bins of the same law, read from several segments', async () => {
    const drift = await reader.read(manifestOf(0), START_MS, START_MS + 100_000);
    expect(drift.drifted).toEqual([]);
    expect(drift.n).toBeGreaterThan(1000);
    expect(drift.reason).toMatch(/^no large drift in \d+ rows/);
    expect(drift.worst).toHaveLength(5);
  });

  test('names the inputs that moved, and leaves the clock’s and the load’s out', async () => {
    const drift = await reader.read(manifestOf(24), START_MS, START_MS + 100_000);
    expect(drift.drifted).toContain('lnFloor');
    expect(drift.drifted).not.toContain('hourSin');
    expect(drift.drifted).not.toContain('lnRequestRate');
    expect(drift.drifted).toHaveLength(FEATURE_NAMES.length - 5);
  });

  test('counts only bids of the model itself, in the window', async () => {
    const other = { ...manifestOf(24), modelVersionId: 'bid-2' };
    expect(await reader.read(other, START_MS, START_MS + 100_000)).toMatchObject({ n: 0, drifted: [] });
    expect(await reader.read(manifestOf(24), 0, 1000)).toMatchObject({ n: 0, drifted: [] });
  });
});
