import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { canonicalJson, type PolicySnapshot, type Signed } from '#domain/contracts';
import { baselinePolicies, demoSnapshot } from '../../../../test/fixtures/demo-snapshot';
import { checkSeals } from './check-seals';
import { KeyRing } from './verify-signed';

const ours = generateKeyPairSync('ed25519');
const strangers = generateKeyPairSync('ed25519');
const keys = new KeyRing(new Map([['ours', ours.publicKey.export({ type: 'spki', format: 'pem' }) as string]]));

type Bid = PolicySnapshot['champion']['bid'];

function sealed(policy: Bid, change: object = {}, key: KeyObject = ours.privateKey): Signed {
  const payload = canonicalJson({
    modelVersionId: policy.modelVersionId,
    manifestSha256: 'a'.repeat(64),
    policySha256: createHash('sha256').update(canonicalJson(policy)).digest('hex'),
    artifactSha256: policy.artifact?.sha256 ?? null,
    ...change,
  });
  const signature = sign(null, Buffer.from(payload), key).toString('base64url');
  return { payload, keyId: 'snapshot', algorithm: 'ed25519', signature };
}

const champion = baselinePolicies();
const candidate: Bid = {
  ...champion.bid,
  modelVersionId: 'bid-new',
  params: { ...champion.bid.params, epsilon: 0.05 },
};
const canaryOf = (bid: Bid) => ({ rolloutId: 'rol-1', stage: 1, shareBps: 100, policies: { ...champion, bid } });
const check = (bid: Bid, seals: PolicySnapshot['seals']) => () =>
  checkSeals(demoSnapshot({ champion, canary: canaryOf(bid), seals }), keys);

test('a candidate under its own seal is accepted; champions and snapshots from before seals are too', () => {
  expect(check(candidate, { 'bid-new': sealed(candidate) })).not.toThrow();
  expect(check(candidate, undefined)).not.toThrow();
  expect(check(champion.bid, {})).not.toThrow();
});

test.each<[string, Bid, PolicySnapshot['seals'], RegExp]>([
  ['without a seal', candidate, {}, /candidate has no seal/],
  ['sealed by a stranger', candidate, { 'bid-new': sealed(candidate, {}, strangers.privateKey) }, /no pinned key/],
  [
    'altered after its seal',
    { ...candidate, params: { ...candidate.params, epsilon: 0.5 } },
    { 'bid-new': sealed(candidate) },
    /policy is not what was sealed/,
  ],
  ['under the seal of another', candidate, { 'bid-new': sealed(champion.bid) }, /its seal is of/],
  [
    'with another artifact',
    candidate,
    { 'bid-new': sealed(candidate, { artifactSha256: 'b'.repeat(64) }) },
    /artifact/,
  ],
  ['under a seal of another shape', candidate, { 'bid-new': sealed(candidate, { policySha256: 7 }) }, /cannot be read/],
])('a candidate %s is refused', (_what, bid, seals, why) => {
  expect(check(bid, seals)).toThrow(why);
});

test("an experiment's control needs its seal as the treatment does", () => {
  const canary = { ...canaryOf(champion.bid), control: { ...champion, bid: candidate } };
  const checked = (seals: PolicySnapshot['seals']) => () => checkSeals(demoSnapshot({ champion, canary, seals }), keys);
  expect(checked({ 'bid-new': sealed(candidate) })).not.toThrow();
  expect(checked({})).toThrow(/bid-new: the candidate has no seal/);
  expect(checked({ 'bid-new': sealed(champion.bid) })).toThrow(/its seal is of/);
});

test('an altered champion is refused as well', () => {
  const altered = { ...champion, bid: { ...champion.bid, params: { ...champion.bid.params, gridPoints: 2 } } };
  const seals = { [champion.bid.modelVersionId]: sealed(champion.bid) };
  expect(() => checkSeals(demoSnapshot({ champion: altered, seals }), keys)).toThrow(/SEAL/);
});
