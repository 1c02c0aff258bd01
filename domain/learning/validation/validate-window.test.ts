import { FEATURE_NAMES } from '../../features';
import { seededNormal, seededRandom } from '../../evaluation/seeded-random';
import { heldOutLogLikelihood } from '../held-out';
import { trainWinModel } from '../train-win-model';
import { predictLaw } from '../win-model';
import { cleanRows } from './clean-rows';
import { dataSentence } from './data-report';
import { validateWindow } from './validate-window';
import type { WindowBid, WindowProfile } from './window-bid';

const FROM_MS = 1_800_000_000_000;
const LENGTH_MS = 3_600_000;

/** An hour of bids of 300 users whose prices depend on feature 0; three of ten prices are disclosed, 3 % of the wins clicked. */
function bids(n: number, seed = 1): WindowBid[] {
  const rng = seededRandom(seed);
  const normal = seededNormal(rng);
  return Array.from({ length: n }, (_, at) => {
    const features = Float32Array.from({ length: 24 }, (_, i) => (i < 6 ? rng() * 2 - 1 : 0));
    const price = Math.exp(0.3 + 0.5 * features[0] + 0.4 * normal());
    const bid = Math.exp(0.3 + 0.6 * normal());
    const won = bid > price;
    const decidedAtMs = FROM_MS + Math.floor((at * LENGTH_MS) / n);
    return {
      features,
      bidMicros: bid * 1e6,
      won,
      minToWinMicros: rng() < 0.3 ? price * 1e6 : null,
      decisionId: `d-${at}`,
      decidedAtMs,
      userKey: rng() < 0.9 ? `u-${Math.floor(rng() * 300)}` : null,
      clicked: won && rng() < 0.03,
      noticeAtMs: won || rng() < 0.5 ? decidedAtMs + 80 : null,
      gridMass: rng() < 0.03 ? 0.01 : 0.97,
    };
  });
}

const profileOf = (rows: readonly WindowBid[], change: Partial<WindowProfile> = {}): WindowProfile => ({
  fromMs: FROM_MS,
  toMs: FROM_MS + LENGTH_MS,
  frozenAtMs: FROM_MS + LENGTH_MS + 15_000,
  maturityMs: 15_000,
  seen: rows.length,
  unusable: 0,
  expected: rows.length,
  featureNames: FEATURE_NAMES,
  ...change,
});

const clean = bids(4000);
const codesOf = (rows: readonly WindowBid[], change: Partial<WindowProfile> = {}, severity = 'block') =>
  validateWindow(rows, profileOf(rows, change))
    .findings.filter((finding) => finding.severity === severity)
    .map((finding) => finding.code);
const changed = (of: (row: WindowBid, at: number) => Partial<WindowBid>) =>
  clean.map((row, at) => ({ ...row, ...of(row, at) }));
const withFeature = (feature: number, of: (row: WindowBid, at: number) => number) =>
  changed((row, at) => ({ features: Float32Array.from(row.features).fill(of(row, at), feature, feature + 1) }));

test('a clean window passes without a finding and keeps every row', () => {
  const report = validateWindow(clean, profileOf(clean));
  expect(report).toMatchObject({ verdict: 'pass', rowsIn: 4000, rowsKept: 4000, findings: [] });
  expect(dataSentence(report)).toMatch(/^4000 of 4000 bids kept/);
});

describe('fault 30: nothing to learn from', () => {
  test.each([
    ['EMPTY_WINDOW', []],
    ['TOO_FEW_ROWS', clean.slice(0, 150)],
    ['ONE_CLASS', changed(() => ({ won: true, minToWinMicros: null }))],
    ['ONE_CLASS', changed(() => ({ won: false, minToWinMicros: null }))],
  ])('%s', (code, rows) => {
    expect(codesOf(rows)).toContain(code);
  });
});

describe('fault 31: planted leakage blocks', () => {
  const rng = seededRandom(9);
  const noisy = (value: number) => value + 0.1 * (rng() - 0.5);
  test.each<[string, WindowBid[]]>([
    ['the label itself', withFeature(9, ({ won }) => (won ? 1 : 0))],
    ['the label, hidden in noise', withFeature(9, ({ won }) => noisy(won ? 0.3 : -0.3))],
    ['the label, both ways round', withFeature(9, ({ won }, at) => (won ? (at % 2 ? 5 : -5) : noisy(0)))],
    ['the price that would have won', withFeature(9, (row) => noisy(Math.log((row.minToWinMicros ?? 1e6) / 1e6)))],
    ['a rare flag that only winners have', withFeature(9, ({ won }) => (won ? 1 : 0))],
  ])('%s as a feature', (_what, rows) => {
    const report = validateWindow(rows, profileOf(rows));
    expect(report.verdict).toBe('block');
    expect(report.findings[0]).toMatchObject({ code: 'LEAKING_FEATURE' });
    expect(report.findings[0].detail).toContain(FEATURE_NAMES[9]);
  });

  test('an outcome among the feature names, and notices from before the decision', () => {
    expect(codesOf(clean, { featureNames: [...FEATURE_NAMES.slice(0, 23), 'lnMinToWin'] })).toEqual(['LABEL_COLUMN']);
    const early = changed((row, at) => (at % 20 === 0 ? { noticeAtMs: row.decidedAtMs - 60_000 } : {}));
    expect(codesOf(early)).toEqual(['TIME_TRAVEL']);
    expect(codesOf(changed((row, at) => (at === 7 ? { decidedAtMs: FROM_MS - 1 } : {})))).toEqual(['TIME_TRAVEL']);
  });

  test('a strong honest feature does not count as a leak', () => {
    const rows = bids(4000, 5).map((row) => {
      const price = Math.exp(1.2 * row.features[0]);
      return { ...row, won: row.bidMicros > price * 1e6, minToWinMicros: null };
    });
    expect(codesOf(rows)).toEqual([]);
  });
});

describe('fault 32: poison is left out or blocks', () => {
  const rng = seededRandom(21);
  const fraudster = (n: number) => `fraud-${n}`;

  test('a burst of clicks by a few users', () => {
    const rows = changed((_row, at) => (at % 25 === 0 ? { userKey: fraudster(at % 3), clicked: true } : {}));
    const report = validateWindow(rows, profileOf(rows));
    expect(report.filtered['click-fraud']).toBe(160);
    expect(report.verdict).toBe('pass');
    expect(report.findings.map((finding) => finding.code)).toEqual(['POISON_SUSPECTED']);
  });

  test('a burst of clicks by many users within two minutes', () => {
    const rows = changed((row) => {
      const minute = Math.floor((row.decidedAtMs - FROM_MS) / 60_000);
      return minute === 20 || minute === 21 ? { clicked: rng() < 0.7 } : {};
    });
    const { filtered, verdict } = validateWindow(rows, profileOf(rows));
    expect(filtered['click-burst']).toBeGreaterThan(100);
    expect(verdict).toBe('pass');
  });

  test('one user that bids all day, and a fleet of them', () => {
    const one = changed((_row, at) => (at % 4 === 0 ? { userKey: 'bot', clicked: false } : {}));
    expect(validateWindow(one, profileOf(one))).toMatchObject({ rowsKept: 3080, filtered: { 'heavy-user': 920 } });
    const fleet = changed((_row, at) => (at % 5 < 3 ? { userKey: fraudster(at % 2), clicked: true } : {}));
    expect(codesOf(fleet)).toContain('POISON_SUSPECTED');
  });

  test.each([0.01, 0.05, 0.1])(
    'a slow poison of %p of the prices costs at most 0.02 nats per row',
    async (share) => {
      const poisoned = changed((row, at) => {
        if (rng() >= share * 2 * (at / clean.length)) return {};
        // Forged by twelve users: lost at a price e² times the usual.
        return { userKey: fraudster(at % 12), won: false, minToWinMicros: row.bidMicros * 12, clicked: false };
      });
      const { rows, filtered } = cleanRows(poisoned);
      if (share > 0.01) expect(filtered['price-fraud']).toBeGreaterThan(0.5 * share * clean.length);
      expect(await lossAgainstClean(rows)).toBeLessThan(0.02);
    },
    60_000,
  );

  test('prices that contradict their notices block when there are many', () => {
    const rows = changed((row, at) => (at % 8 === 0 ? { minToWinMicros: row.bidMicros * (row.won ? 3 : 0.2) } : {}));
    expect(codesOf(rows)).toEqual(['CONTRADICTING_LABELS']);
  });
});

describe('fault 33: duplicates, late and missing of 1 to 10 percent', () => {
  test.each([0.01, 0.05, 0.1])(
    '%p of each is cleaned, written down, and costs at most 0.02 nats per row',
    async (share) => {
      const rng = seededRandom(33);
      const rows = clean.flatMap((row) => {
        if (rng() < share * 0.99) return [];
        const late = rng() < share * 0.99 && row.noticeAtMs !== null ? { noticeAtMs: row.decidedAtMs + 60_000 } : {};
        return rng() < share * 0.99 ? [row, row] : [{ ...row, ...late }];
      });
      const report = validateWindow(
        rows,
        profileOf(rows, { seen: clean.length * (1 - share), expected: clean.length }),
      );
      expect(report.verdict).toBe('pass');
      if (share >= 0.05) {
        const codes = report.findings.map((finding) => finding.code);
        expect(codes).toEqual(expect.arrayContaining(['DUPLICATE_ROWS', 'ROWS_MISSING', 'LABELS_LATE']));
      }
      expect(await lossAgainstClean(cleanRows(rows).rows)).toBeLessThan(0.02);
    },
    60_000,
  );

  test('more than a tenth blocks, each under its own code, all at once', () => {
    const rows = clean.flatMap((row, at) => {
      const late = { ...row, noticeAtMs: row.decidedAtMs + (at % 4 === 0 ? 60_000 : 80) };
      return at % 5 === 0 ? [late, late] : [late];
    });
    expect(codesOf(rows, { seen: 3000, expected: 4000, unusable: 300 }).sort()).toEqual([
      'DUPLICATE_ROWS',
      'LABELS_LATE',
      'ROWS_MISSING',
      'SCHEMA_BROKEN',
    ]);
  });
});

describe('freshness, maturity and support', () => {
  test('a window whose traffic ended long before it is stale', () => {
    expect(codesOf(clean.filter((row) => row.decidedAtMs < FROM_MS + 0.6 * LENGTH_MS))).toEqual(['STALE_WINDOW']);
  });

  test('labels younger than their maturity, and wins that are still under way', () => {
    expect(codesOf(clean, { frozenAtMs: FROM_MS + LENGTH_MS })).toEqual(['LABELS_IMMATURE']);
    const underWay = changed((row) =>
      row.decidedAtMs > FROM_MS + 0.9 * LENGTH_MS && Number(row.decisionId.slice(2)) % 5 !== 0
        ? { won: false, minToWinMicros: null }
        : {},
    );
    expect(codesOf(underWay)).toEqual(['LABELS_IMMATURE']);
  });

  test('one price only, no propensities, no exploration', () => {
    const flat = changed((row) => ({
      bidMicros: 1e6,
      won: row.features[0] + row.features[1] > 0.4,
      minToWinMicros: null,
    }));
    expect(codesOf(flat)).toEqual(['NO_SUPPORT']);
    expect(codesOf(changed(() => ({ gridMass: null })))).toEqual(['PROPENSITY_MISSING']);
    expect(
      codesOf(
        changed(() => ({ gridMass: 1 })),
        {},
        'warn',
      ),
    ).toEqual(['NO_EXPLORATION']);
    expect(
      codesOf(
        changed((_row, at) => ({ gridMass: at < 3 ? 1e-4 : 0.97 })),
        {},
        'warn',
      ),
    ).toEqual(['PROPENSITY_OVERLAP']);
  });

  test('every fault of a bad window is named in one sentence', () => {
    const rows = withFeature(9, ({ won }) => (won ? 1 : 0)).map((row) => ({ ...row, gridMass: null }));
    const sentence = dataSentence(validateWindow(rows, profileOf(rows, { expected: 8000 })));
    for (const code of ['LEAKING_FEATURE', 'PROPENSITY_MISSING', 'ROWS_MISSING'])
      expect(sentence).toContain(`${code}: `);
  });
});

/** Nats per unseen clean row that a model trained on `rows` loses against one trained on the clean window. */
async function lossAgainstClean(rows: readonly WindowBid[]): Promise<number> {
  const unseen = bids(2000, 77);
  const likelihood = async (train: readonly WindowBid[]) => {
    const model = await trainWinModel(train, { epochs: 4 }, 3, () => Promise.resolve());
    return heldOutLogLikelihood(
      unseen.map((row) => predictLaw(model, row.features)),
      unseen,
    ).mean;
  };
  return (await likelihood(clean)) - (await likelihood(rows));
}
