import { createHash } from 'node:crypto';
import { FeatureCheckService } from '../../apps/control-plane/src/lake/feature-check.service';
import { DECISIONS, START_MS, threeWeeks, type ThreeWeeks } from '../fixtures/three-weeks';
import { openLake, type OpenLake } from './open-lake';

const WEEKS_MS = 5 * 7 * 86_400_000;

/** The join is written a second time here, in SQL over Parquet: it shares the definitions with the edge, and none of its code. */
describe('features of users in the lake', () => {
  let lake: OpenLake;
  let weeks: ThreeWeeks;
  let features: FeatureCheckService;

  beforeAll(async () => {
    lake = await openLake();
    weeks = await threeWeeks(37, 4096);
    for (const { edgeId, segmentId, bytes } of weeks.segments) {
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      expect((await lake.ingest.ingest(edgeId, segmentId, sha256, bytes)).status).toBe('ingested');
    }
    features = new FeatureCheckService(lake.database, lake.duck, lake.sealer);
  });
  afterAll(() => lake.close());

  test('as logged equal those that outcomes give, on every row', async () => {
    const check = await features.check(START_MS, START_MS + WEEKS_MS);
    expect(check.differences).toEqual([]);
    expect(check.compared).toBe(weeks.decisions.filter((row) => row.history_state === 'known').length);
    expect(check.compared).toBeGreaterThan(0.8 * DECISIONS);
    expect(check.equal).toBe(check.compared);
    expect(check.states).toEqual({ known: check.compared, 'not-allowed': DECISIONS - check.compared });
  });

  test('that are wrong are named, and a part of the time is compared by itself', async () => {
    const day = 86_400_000;
    const whole = await features.check(START_MS + 10 * day, START_MS + 11 * day);
    expect(whole.compared).toBeGreaterThan(100);
    expect(whole.equal).toBe(whole.compared);
    // An outcome that the edge has never heard of.
    const bill = weeks.outcomes.find(({ kind, at_ms: at }) => kind === 'bill' && at > START_MS + 9 * day) as {
      decision_id: string;
    };
    await lake.duck.with(async (connection) => {
      const [{ path }] = await lake.database.query<{ path: string }[]>(
        `SELECT path FROM lake_file WHERE dataset = 'outcomes' AND retired_at IS NULL
          AND min_at_ms <= $1 AND max_at_ms >= $1 LIMIT 1`,
        [weeks.decisions.find((row) => row.decision_id === bill.decision_id)?.decided_at_ms],
      );
      const file = `${lake.duck.root}/${path}`;
      await connection.run(
        `COPY (SELECT * FROM '${file}' UNION ALL SELECT * REPLACE (outcome_id || '-forged' AS outcome_id) FROM '${file}'
          WHERE decision_id = '${bill.decision_id}' AND kind = 'bill') TO '${file}.forged.parquet' (FORMAT parquet)`,
      );
      await connection.run(`COPY (SELECT * FROM '${file}.forged.parquet') TO '${file}' (FORMAT parquet)`);
    });
    const check = await features.check(START_MS, START_MS + WEEKS_MS);
    expect(check.equal).toBeLessThan(check.compared);
    expect(check.differences.length).toBeLessThanOrEqual(20);
    for (const { logged, computed } of check.differences) expect(computed).toBe((logged ?? 0) + 1);
  });
});
