import { generateKeyPairSync, sign } from 'node:crypto';
import type { CanaryLease, PolicySnapshot } from '#domain/contracts';
import { KeyRing } from '../snapshot/verify-signed';
import { CanaryLeaseHolder } from './canary-lease';

const pair = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('ed25519');
const pem = pair.publicKey.export({ type: 'spki', format: 'pem' }) as string;
const canary = { rolloutId: 'r', stage: 1, shareBps: 1000 } as PolicySnapshot['canary'];

function signed(lease: CanaryLease, key = pair.privateKey): unknown {
  const payload = JSON.stringify(lease);
  const signature = sign(null, Buffer.from(payload), key).toString('base64url');
  return { payload, keyId: 'snapshot', algorithm: 'ed25519', signature };
}

describe('CanaryLeaseHolder', () => {
  let clock = 0;
  const holder = (): CanaryLeaseHolder => new CanaryLeaseHolder(new KeyRing(new Map([['snapshot', pem]])), () => clock);
  const lease = (over: Partial<CanaryLease> = {}): CanaryLease => ({
    rolloutId: 'r',
    stage: 1,
    shareBps: 500,
    expiresAtMs: 1_120_000,
    ...over,
  });
  beforeEach(() => (clock = 0));

  it('serves the smaller share while the lease lives, then lapses once', () => {
    const held = holder();
    expect(held.serving(canary)).toBeNull();
    held.accept(signed(lease()), 1_000_000);
    expect(held.serving(canary)).toEqual({ rolloutId: 'r', stage: 1, shareBps: 500 });
    clock = 119_999;
    expect(held.serving(canary)).not.toBeNull();
    clock = 120_000;
    expect(held.serving(canary)).toBeNull();
    expect(held.serving(canary)).toBeNull();
    expect(held.lapses).toBe(1);
  });

  it('never believes a lease longer than two minutes', () => {
    const held = holder();
    held.accept(signed(lease({ expiresAtMs: 9_999_999_999 })), 1_000_000);
    clock = 120_000;
    expect(held.serving(canary)).toBeNull();
  });

  it.each([
    ['another stage', { stage: 2 }],
    ['another rollout', { rolloutId: 'q' }],
  ])('does not serve under the lease of %s', (_, over) => {
    const held = holder();
    held.accept(signed(lease(over)), 1_000_000);
    expect(held.serving(canary)).toBeNull();
  });

  it('refuses a lease that a stranger signed and keeps the one it has', () => {
    const held = holder();
    held.accept(signed(lease()), 1_000_000);
    held.accept(signed(lease({ shareBps: 9000 }), stranger.privateKey), 1_000_000);
    expect(held.serving(canary)?.shareBps).toBe(500);
    expect(held.refused).toBe(1);
  });
});
