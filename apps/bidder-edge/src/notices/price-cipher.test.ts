import { createHmac } from 'node:crypto';
import { decryptPriceMicros } from './price-cipher';

/** Keys and prices that the scheme's author published for implementers. */
const KEYS = {
  encryption: Buffer.from('skU7Ax_NL5pPAFyKdkfZjZz2-VhIN8bjj1rVFOaJ_5o=', 'base64url'),
  integrity: Buffer.from('arO23ykdNqUQ5LEoQ0FVmPkBd7xB5CO89PDZlSjpFxo=', 'base64url'),
};
const HUNDRED = 'YWJjMTIzZGVmNDU2Z2hpN7fhCuPemCce_6msaw';

/** A price as an exchange writes it. */
function encrypt(micros: bigint, keys = KEYS, iv = Buffer.alloc(16, 3)): string {
  const price = Buffer.alloc(8);
  price.writeBigUInt64BE(micros);
  const pad = createHmac('sha1', keys.encryption).update(iv).digest();
  const hidden = Buffer.from(price.map((byte, at) => byte ^ (pad[at] as number)));
  const signature = createHmac('sha1', keys.integrity).update(price).update(iv).digest().subarray(0, 4);
  return Buffer.concat([iv, hidden, signature]).toString('base64url');
}

describe('encrypted prices', () => {
  it.each([
    [HUNDRED, 100],
    ['YWJjMTIzZGVmNDU2Z2hpN7fhCuPemCAWJRxOgA', 1900],
    ['YWJjMTIzZGVmNDU2Z2hpN7fhCuPemC32prpWWw', 2700],
  ])('%s is %d micros', (text, micros) => {
    expect(decryptPriceMicros(text, KEYS)).toBe(micros);
    expect(decryptPriceMicros(`${text}==`, KEYS)).toBe(micros);
  });

  it('reads what it would have written, up to the highest price and not beyond', () => {
    for (const micros of [0n, 1n, 1_250_000n]) expect(decryptPriceMicros(encrypt(micros), KEYS)).toBe(Number(micros));
    for (const micros of [2n ** 53n, 2n ** 64n - 1n]) expect(decryptPriceMicros(encrypt(micros), KEYS)).toBeNull();
  });

  it('refuses every single changed bit, other keys, plain prices and noise', () => {
    const bytes = Buffer.from(HUNDRED, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const altered = Buffer.from(bytes);
      altered[bit >> 3] = (altered[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(decryptPriceMicros(altered.toString('base64url'), KEYS)).toBeNull();
    }
    const swapped = { encryption: KEYS.encryption, integrity: KEYS.encryption };
    expect(decryptPriceMicros(HUNDRED, swapped)).toBeNull();
    for (const text of ['', '1.25', HUNDRED.slice(1), `${HUNDRED}A`, '!'.repeat(38), 'ü'.repeat(38)])
      expect(decryptPriceMicros(text, KEYS)).toBeNull();
  });
});
