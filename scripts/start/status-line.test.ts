import { describeStatus } from './status-line';

describe('status line', () => {
  test('says what the loop does, with a dash where nothing is known yet', () => {
    expect(describeStatus({})).toBe(
      '0.0 requests/s · bid rate - · win rate - · spend - · decisions 0 · training none · rollout none',
    );
  });

  test('shows rates as shares and a rollout by state and stage', () => {
    const line = describeStatus({
      requestsPerSecond: 40.25,
      bidRate: 0.875,
      winRate: 0.3,
      decisions: 12,
      spendNanos: 1_234_000_000,
      rollout: { state: 'canary', stage: 2 },
    });
    expect(line).toContain('40.3 requests/s · bid rate 87.5 % · win rate 30.0 % · spend $1.23 · decisions 12');
    expect(line).toContain('rollout canary 2');
  });
});
