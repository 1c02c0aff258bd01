import type { KillOrder } from './edge-protocol';
import { killOrderFault, lowersKill } from './kill-order';

const order = (level: KillOrder['level'], agents: string[] = [], scope = {}): KillOrder => ({
  level,
  agents,
  scope: { fleet: 'demo', ...scope },
  seq: 1,
  issuedAt: '2026-11-24T00:00:00Z',
  reason: '',
});

describe('lowersKill', () => {
  it.each([
    ['the first order', order('champion-only'), undefined, false],
    ['none while nothing is in force', order('none'), undefined, false],
    ['a stronger level', order('stop-bidding'), order('safe-bids-only'), false],
    ['a weaker level', order('champion-only'), order('safe-bids-only'), true],
    ['a lift', order('none'), order('quarantine-agent', ['bid']), true],
    ['one agent fewer', order('quarantine-agent', ['bid']), order('quarantine-agent', ['bid', 'budget']), true],
    ['one agent more', order('quarantine-agent', ['bid', 'budget']), order('quarantine-agent', ['bid']), false],
    ['a stronger level that forgets an agent', order('champion-only'), order('quarantine-agent', ['bid']), true],
    ['safe bids, where no agent decides', order('safe-bids-only'), order('quarantine-agent', ['bid']), false],
  ])('%s', (_name, next, previous, lowers) => expect(lowersKill(next, previous)).toBe(lowers));
});

describe('killOrderFault', () => {
  it('wants agents for a quarantine, and nothing but stop and resume for a campaign', () => {
    expect(killOrderFault(order('quarantine-agent'))).toContain('name an agent');
    expect(killOrderFault(order('champion-only', [], { campaignId: 'c-1' }))).toContain('stopped');
    expect(killOrderFault(order('stop-bidding', [], { campaignId: 'c-1' }))).toBeNull();
    expect(killOrderFault(order('quarantine-agent', ['bid']))).toBeNull();
  });
});
