import { contextOf, hashUser } from '../../test/fixtures/decision-scene';
import { demoSnapshot, exchangeOf } from '../../test/fixtures/demo-snapshot';
import { normaliseRequest } from '../openrtb';
import { FEATURE_COUNT, FEATURE_NAMES, FEATURE_SPEC_HASH, writeBidFeatures } from './bid-features';

const raw = {
  id: 'r',
  at: 2,
  app: { bundle: 'com.example.game' },
  device: { devicetype: 4, geo: { country: 'DEU' } },
  user: { id: 'u' },
  imp: [{ id: '1', bidfloor: 0.25, banner: { w: 320, h: 50, pos: 1 } }],
};

function rowOf(over: object = {}, nowMs = Date.UTC(2026, 10, 28, 6)): Record<string, number> {
  const { fx, layerSalt } = demoSnapshot();
  const request = normaliseRequest({ ...raw, ...over }, exchangeOf(), fx, hashUser, layerSalt);
  const impression = request.impressions[0];
  if (!impression) throw new Error('no impression');
  const row = new Float32Array(FEATURE_COUNT + 2).fill(-9);
  writeBidFeatures(row, 1, request, impression, nowMs, contextOf().live);
  expect([row[0], row[FEATURE_COUNT + 1]]).toEqual([-9, -9]);
  return Object.fromEntries(FEATURE_NAMES.map((name, i) => [name, row[i + 1] ?? Number.NaN]));
}

describe('bid features', () => {
  it('are 24, with a hash that names their list and order', () => {
    expect(FEATURE_COUNT).toBe(24);
    expect(FEATURE_SPEC_HASH).toMatchInlineSnapshot(`"v1-27aa9588"`);
  });

  it('describe a request in numbers', () => {
    const row = rowOf();
    expect(row).toMatchObject({ hasFloor: 1, isSecondPrice: 1, isMobile: 1, isOtherDevice: 0, isApp: 1, is320x50: 1 });
    expect(row).toMatchObject({ is300x250: 0, is728x90: 0, isOtherSize: 0, isWeekend: 1, hasUser: 1, isAboveFold: 1 });
    expect(row['lnFloor']).toBeCloseTo(Math.log(0.26), 6);
    expect(row['lnArea']).toBeCloseTo(Math.log(16_000), 5);
    expect(row['hourSin']).toBeCloseTo(1, 6);
    expect(row['hourCos']).toBeCloseTo(0, 6);
    expect(row['lnRequestRate']).toBeCloseTo(Math.log(1.5), 6);
    expect(row['winRate']).toBeCloseTo(0.2, 6);
    expect(row['lnOpenReservations']).toBeCloseTo(Math.log(1.1), 6);
    const exchange = ['exchange0', 'exchange1', 'exchange2', 'exchange3'].map((name) => row[name]);
    expect(exchange.filter((value) => value === 1)).toHaveLength(1);
    expect(row['countryHash']).toBeGreaterThanOrEqual(0);
    expect(row['countryHash']).toBeLessThan(1);
  });

  it('stay finite without floor, size, device, user or traffic', () => {
    const bare = rowOf({ app: undefined, site: {}, device: undefined, user: undefined, imp: [{ id: '1' }] }, 0);
    for (const value of Object.values(bare)) expect(Number.isFinite(value)).toBe(true);
    expect(bare).toMatchObject({ hasFloor: 0, hasUser: 0, isApp: 0, isWeekend: 0 });
  });
});
