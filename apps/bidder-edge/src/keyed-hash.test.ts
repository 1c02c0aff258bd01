import fc from 'fast-check';
import { createHmac } from 'node:crypto';
import { KeyedHash } from './keyed-hash';

describe('KeyedHash', () => {
  it('is HMAC-SHA256 of RFC 4231, test cases 1, 2 and 6', () => {
    const cases = [
      [Buffer.alloc(20, 0x0b), 'Hi There', 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
      [
        Buffer.from('Jefe'),
        'what do ya want for nothing?',
        '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
      ],
      [
        Buffer.alloc(131, 0xaa),
        'Test Using Larger Than Block-Size Key - Hash Key First',
        '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
      ],
    ] as const;
    for (const [key, text, expected] of cases) expect(new KeyedHash(key).mac(text, 'hex')).toBe(expected);
  });

  it('equals the system’s for any key and a row of any texts and bytes', () => {
    const keys = fc.uint8Array({ minLength: 1, maxLength: 100 });
    const texts = fc.string({ unit: 'grapheme', maxLength: 3000 });
    const messages = fc.array(fc.oneof(texts, fc.uint8Array({ maxLength: 3000 })), { maxLength: 5 });
    fc.assert(
      fc.property(keys, messages, (key, row) => {
        const ours = new KeyedHash(Buffer.from(key));
        for (const message of row)
          expect(ours.mac(message, 'latin1')).toBe(createHmac('sha256', key).update(message).digest('latin1'));
      }),
    );
  });
});
