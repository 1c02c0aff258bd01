import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import type { KillOrder, PolicySnapshot } from '#domain/contracts';
import { KeyRing } from '../snapshot/verify-signed';
import { KillOrders } from './kill-orders';

const a = generateKeyPairSync('ed25519');
const b = generateKeyPairSync('ed25519');
const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }) as string;
const ring = new KeyRing(
  new Map([
    ['operator-a', pem(a.publicKey)],
    ['operator-b', pem(b.publicKey)],
  ]),
);
const snapshot = { cell: 'default', kill: { level: 'none', agents: [] } } as unknown as PolicySnapshot;

function file(over: Partial<KillOrder>, keys: KeyObject[] = [a.privateKey]): string {
  const order = { level: 'stop-bidding', scope: { fleet: 'demo' }, seq: 1, issuedAt: '2026-11-24T00:00:00Z', ...over };
  const payload = JSON.stringify(order);
  const signatures = keys.map((key, i) => ({
    keyId: `k${i}`,
    signature: sign(null, Buffer.from(payload), key).toString('base64url'),
  }));
  return JSON.stringify({ payload, signatures });
}

describe('KillOrders', () => {
  it('raises the level with one key and keeps it when the file is gone', () => {
    const orders = new KillOrders('demo', ring);
    expect(orders.read(file({ level: 'champion-only' }))).toBe('accepted');
    expect(orders.effect(snapshot).level).toBe('champion-only');
    expect(new KillOrders('demo', ring, orders.current).effect(snapshot).level).toBe('champion-only');
  });

  it('lowers the level only with two different operators', () => {
    const orders = new KillOrders('demo', ring);
    orders.read(file({}));
    expect(orders.read(file({ level: 'none', seq: 2 }))).toBe('needs-two-keys');
    expect(orders.read(file({ level: 'none', seq: 2 }, [a.privateKey, a.privateKey]))).toBe('needs-two-keys');
    expect(orders.effect(snapshot).level).toBe('stop-bidding');
    expect(orders.read(file({ level: 'none', seq: 2 }, [a.privateKey, b.privateKey]))).toBe('accepted');
    expect(orders.effect(snapshot).level).toBe('none');
  });

  it('refuses old numbers, strangers, other fleets and noise', () => {
    const orders = new KillOrders('demo', ring);
    const stranger = generateKeyPairSync('ed25519').privateKey;
    expect(orders.read(file({}, [stranger]))).toBe('unsigned');
    expect(orders.read(file({ scope: { fleet: 'other' } }))).toBe('other-fleet');
    expect(orders.read('{')).toBe('malformed');
    expect(orders.read(file({ seq: 5 }))).toBe('accepted');
    expect(orders.read(file({ seq: 5 }))).toBe('unchanged');
    expect(orders.read(file({ seq: 4 }))).toBe('older-seq');
  });

  it('stops single campaigns and quarantines agents in its cell only', () => {
    const orders = new KillOrders('demo', ring);
    orders.read(file({ scope: { fleet: 'demo', campaignId: 'c-1' } }));
    orders.read(
      file({ seq: 2, level: 'quarantine-agent', agents: ['bid'], scope: { fleet: 'demo', cell: 'default' } }),
    );
    expect(orders.effect(snapshot)).toEqual({
      level: 'quarantine-agent',
      agents: ['bid'],
      stoppedCampaigns: new Set(['c-1']),
    });
    expect(orders.effect({ ...snapshot, cell: 'other' }).level).toBe('none');
    expect(orders.read(file({ seq: 3, level: 'champion-only', scope: { fleet: 'demo', campaignId: 'c-1' } }))).toBe(
      'unsupported-scope',
    );
  });
});
