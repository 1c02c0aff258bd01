import { describeStatus, type LoopStatus } from './status-line';

const quiet: LoopStatus = {
  requestsPerSecond: 0,
  bidRate: 0,
  winRate: 0,
  spend: { USD: 0 },
  decisions: 0,
  training: null,
  rollout: null,
  lastBids: [],
};

describe('status line', () => {
  test('says what the loop does before anything has happened', () => {
    expect(describeStatus(quiet)).toBe(
      '0.0 requests/s · bid rate 0.0 % · win rate 0.0 % · spend $0.00 · decisions 0 · training none · rollout none',
    );
  });

  test('shows rates as shares, and a rollout by agent, state, share and what it waits for', () => {
    const rollout = { rolloutId: 'r', agent: 'bid', candidateId: 'c', state: 'canary', stage: 1, shareBps: 500 };
    const line = describeStatus({
      ...quiet,
      requestsPerSecond: 40.25,
      bidRate: 0.875,
      spend: { USD: 1.234 },
      rollout: { ...rollout, verdict: null, waitingFor: 'approval', reason: '', ended: false },
    });
    expect(line).toContain('40.3 requests/s · bid rate 87.5 % · win rate 0.0 % · spend $1.23');
    expect(line).toContain('rollout bid canary at 5.0 %, waiting for approval');
  });
});
