import { NoticeSigner, type NoticeToken } from './token';

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

  it('tells nobody else who the user is, nor which decisions are of one user', () => {
    const seen = ['d-1', 'd-2'].map((decisionId) => {
      const [, , body] = signer.sign({ ...token, decisionId }).split('.');
      const fields = JSON.parse(Buffer.from(body, 'base64url').toString()) as unknown[];
      return String(fields.at(-1));
    });
    expect(new Set([...seen, token.userKey]).size).toBe(3);
    const anonymous = signer.sign({ ...token, userKey: null });
    expect(signer.verify(anonymous, 1500)).toEqual({ ok: true, token: { ...token, userKey: null } });
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

  it.each(['', 'n1', 'n1.x.y', 'n1.00000000.e30.AAAA', `n1.${'a'.repeat(5000)}`])('refuses %p', (bad) => {
    expect(signer.verify(bad, 0).ok).toBe(false);
  });
});
