import { generateKeyPairSync, verify } from 'node:crypto';
import type { KillOrder } from '#domain/contracts/edge-protocol';
import { CliError } from './exit-code';
import { cosign, parseKillFile, signOrder } from './kill-file';

const pairOf = (name: string) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { name, key: privateKey, publicKey };
};
const [a, b] = [pairOf('operator-a'), pairOf('operator-b')];
const order: KillOrder = {
  level: 'none',
  agents: [],
  scope: { fleet: 'demo' },
  seq: 7,
  issuedAt: '2026-11-24T00:00:00Z',
  reason: 'over',
};

describe('kill files', () => {
  it('carry the order as it was signed, one signature an operator', () => {
    const file = cosign(signOrder(order, [a, a]), b);
    expect(file.signatures.map(({ keyId }) => keyId)).toEqual(['operator-a', 'operator-b']);
    expect(cosign(file, b)).toBe(file);
    [a, b].forEach(({ publicKey }, at) => {
      const mark = Buffer.from(file.signatures[at]!.signature, 'base64url');
      expect(verify(null, Buffer.from(file.payload), publicKey, mark)).toBe(true);
    });
    expect(parseKillFile(JSON.stringify(file), 'kill.json').order).toEqual(order);
  });

  it.each(['', '{}', '{"payload":"{}","signatures":[{"keyId":"k","signature":"s"}]}'])('noise is refused: %s', (text) =>
    expect(() => parseKillFile(text, 'kill.json')).toThrow(CliError),
  );
});
