import fc from 'fast-check';
import { ARMS, BILLABLE_EVENTS } from '#domain/contracts';
import type { NoticeToken } from './notice-token';
import { NoticeSigner } from './token';

const OLD = Buffer.alloc(32, 1);
const NEW = Buffer.alloc(32, 2);
const token: NoticeToken = {
  decisionId: 'd-1',
  exchange: 'demo',
  campaignId: 'c',
  creativeId: 'cr',
  arm: 'canary',
  rolloutId: 'r-1',
  stage: 2,
  userBucket: 17,
  maxMicros: 1_230_000,
  bidCurrency: 'USD',
  decidedAtMs: 1000,
  expiresAtMs: 2000,
  grantId: 'g',
  isTest: false,
  clickValueNanos: 100_000_000,
  conversionValueNanos: 0,
  isRepeat: true,
  country: 'DEU',
  deviceType: 4,
  quantity: 1.5,
  mayMeasure: true,
  billableEvent: 'nurl',
  attribution: { clickMinutes: 60, viewMinutes: 1 },
  clickedAtMs: null,
  userKey: '00c0ffee00000001',
};

describe('NoticeSigner', () => {
  const signer = new NoticeSigner([NEW, OLD]);
  const text = signer.sign(token);

  it('gives back what it signed', () => {
    expect(signer.verify(text, 1500)).toEqual({ ok: true, token });
  });

  it('gives back any token', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 40 });
    const whole = fc.maxSafeNat();
    const tokens: fc.Arbitrary<NoticeToken> = fc.record({
      ...{ decisionId: text, exchange: text, campaignId: text, creativeId: text, grantId: text, rolloutId: text },
      arm: fc.constantFrom(...ARMS),
      stage: fc.integer({ min: -1, max: 9 }),
      userBucket: fc.integer({ min: -1, max: 9999 }),
      ...{ maxMicros: whole, decidedAtMs: whole, clickValueNanos: whole, conversionValueNanos: whole },
      expiresAtMs: whole,
      bidCurrency: fc.constantFrom('USD', 'JPY'),
      ...{ isTest: fc.boolean(), isRepeat: fc.boolean(), mayMeasure: fc.boolean() },
      country: fc.constantFrom('', 'DEU'),
      deviceType: fc.nat(8),
      quantity: fc.double({ min: 0, max: 1e6, noNaN: true }).map((value) => value + 0),
      billableEvent: fc.constantFrom(...BILLABLE_EVENTS),
      attribution: fc.record({ clickMinutes: fc.nat(43_200), viewMinutes: fc.nat(43_200) }),
      clickedAtMs: fc.option(whole),
      userKey: fc.option(fc.stringMatching(/^[0-9a-f]{16}$/)),
    });
    fc.assert(
      fc.property(tokens, (any) => {
        const written = signer.sign(any);
        if (written.length <= 2048) expect(signer.verify(written, null)).toEqual({ ok: true, token: any });
      }),
    );
  });

  it('still reads what edges signed as JSON', () => {
    const user =
      'n1.72cd6e84.WyJkLTEiLCJkZW1vIiwiYyIsImNyIiwxLCJyLTEiLDIsMTcsMTIzMDAwMCwiVVNEIiwxMDAwLDIwMDAsImciLDAsMTAwMDAwMDAwLDAsMSwiREVVIiw0LDEuNSwxLDEsNjAsMSwiNGMxNjZkN2JhZjFjMzgzNSJd.ThcJdIsCsysmb6uZOlW0XXmi1aICALyhaEQR-bcdkHU';
    const click =
      'n1.72cd6e84.WyJkLTEiLCJkZW1vIiwiYyIsImNyIiwxLCJyLTEiLDIsMTcsMTIzMDAwMCwiVVNEIiwxMDAwLDIwMDAsImciLDAsMTAwMDAwMDAwLDAsMSwiREVVIiw0LDEuNSwxLDEsNjAsMSwiIiwxNzAwXQ.HDG2hosWt5gmo-iR_dgFWZRuLU1kfThUA9vswDTWQJo';
    expect(signer.verify(user, 1500)).toEqual({ ok: true, token });
    expect(signer.verify(click, null)).toEqual({ ok: true, token: { ...token, clickedAtMs: 1700, userKey: null } });
    expect(signer.verify(user.replace('.W', '.X'), 1500)).toEqual({ ok: false, fault: 'forged' });
    expect(signer.verify(user.slice(0, -1), 1500)).toEqual({ ok: false, fault: 'forged' });
  });

  it('tells nobody else who the user is, nor which decisions are of one user', () => {
    const key = Buffer.from(token.userKey ?? '', 'hex');
    const bodyOf = (decisionId: string, userKey: string | null): Buffer =>
      Buffer.from(signer.sign({ ...token, decisionId, userKey }).split('.')[2] ?? '', 'base64url');
    const [one, other, without] = [bodyOf('d-1', token.userKey), bodyOf('d-2', token.userKey), bodyOf('d-1', null)];
    for (const body of [one, other]) expect(body.includes(key)).toBe(false);
    // Between the fields that they share and the MAC.
    const sealedOf = (body: Buffer): Buffer => body.subarray(without.length - 16, -16);
    expect(sealedOf(one).length).toBeGreaterThanOrEqual(8);
    expect(sealedOf(one)).not.toEqual(sealedOf(other));
  });

  it('accepts the previous key during a rotation and not afterwards', () => {
    const old = new NoticeSigner([OLD]).sign(token);
    expect(signer.verify(old, 1500).ok).toBe(true);
    expect(new NoticeSigner([NEW]).verify(old, 1500)).toEqual({ ok: false, fault: 'forged' });
  });

  it('gives back when the click was heard, and the age of a token to whoever judges it', () => {
    const clicked = { ...token, clickedAtMs: 1700 };
    expect(signer.verify(signer.sign(clicked), 1500)).toEqual({ ok: true, token: clicked });
    expect(signer.verify(text, null)).toEqual({ ok: true, token });
  });

  it('refuses an expired token', () => {
    expect(signer.verify(text, 2001)).toEqual({ ok: false, fault: 'expired' });
  });

  it('refuses every change of a single character', () => {
    for (let i = 0; i < text.length; i++) {
      const altered = text.slice(0, i) + (text[i] === 'A' ? 'B' : 'A') + text.slice(i + 1);
      expect(signer.verify(altered, 1500).ok).toBe(false);
    }
  });

  it.each([
    '',
    'n1',
    'n1.x.y',
    'n1.00000000.e30.AAAA',
    `n1.${'a'.repeat(5000)}`,
    'n2',
    'n2.x.y',
    'n2.00000000.AgAA',
    'n2.a.b.c',
  ])('refuses %p', (bad) => {
    expect(signer.verify(bad, 0).ok).toBe(false);
  });
});
