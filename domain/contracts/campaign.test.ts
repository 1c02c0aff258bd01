import { campaignInputSchema } from './campaign';
import { defaultPlan } from './default-plan';

const valid = {
  advertiserId: 'adv_1',
  name: 'Spring',
  startAt: '2026-01-01T00:00:00Z',
  endAt: '2026-12-31T00:00:00Z',
  timeZone: 'Europe/Berlin',
  dailyBudgetMicros: 10_000_000,
  totalBudgetMicros: 100_000_000,
  goal: { kind: 'cpc', amountMicros: 100_000 },
  bidCapMicros: 10_000_000,
  safeBidMicros: 500_000,
};

test('a campaign gets its defaults', () => {
  const campaign = campaignInputSchema.parse(valid);
  expect(campaign.objective).toBe('value');
  expect(campaign.targeting.countries).toEqual([]);
});

test.each([
  ['endAt', { endAt: '2025-01-01T00:00:00Z' }],
  ['safeBidMicros', { safeBidMicros: 11_000_000 }],
  ['totalBudgetMicros', { totalBudgetMicros: 1 }],
  ['timeZone', { timeZone: 'Mars/Olympus' }],
  ['dailyBudgetMicros', { dailyBudgetMicros: 0.5 }],
])('a fault is reported at %s', (field, change) => {
  const result = campaignInputSchema.safeParse({ ...valid, ...change });
  expect(result.error?.issues.map((issue) => issue.path[0])).toContain(field);
});

test('the default plan ends at the whole fleet', () => {
  expect(defaultPlan('p').stages.at(-1)?.shareBps).toBe(10_000);
});
