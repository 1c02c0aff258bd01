import { conservativeReason } from './conservative-segments';

const segment = { impressions: 5_000, clicks: 100, valueNanos: 50e9, spendNanos: 100e9 };

test('a segment that loses money beyond chance is named with its figures', () => {
  expect(conservativeReason(segment)).toBe('value per spend 0.50, at most 0.61, over 5000 impressions');
});

test.each([
  ['that earns', { valueNanos: 120e9 }],
  ['whose loss may be chance', { clicks: 20, valueNanos: 70e9 }],
  ['with few impressions', { impressions: 199 }],
  ['with few clicks', { clicks: 19 }],
  ['without spend', { spendNanos: 0 }],
])('a segment %s is not', (_what, over) => {
  expect(conservativeReason({ ...segment, ...over })).toBeNull();
});
