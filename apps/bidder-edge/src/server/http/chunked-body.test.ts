import fc from 'fast-check';
import { ChunkedBody } from './chunked-body';

/** Feeds bytes in pieces that end at `cuts`; answers body and rest, or null when refused. */
function read(bytes: Buffer, cuts: readonly number[] = []): { body: string; rest: string } | null {
  const body = new ChunkedBody();
  const ends = [...new Set(cuts.filter((cut) => cut < bytes.length)), bytes.length].sort((a, b) => a - b);
  let from = 0;
  for (const end of ends) {
    const piece = bytes.subarray(from, end);
    const at = body.take(piece, 0, true);
    if (at < 0) return null;
    from += at;
    if (body.isOver) return { body: body.bytes().toString('latin1'), rest: bytes.subarray(from).toString('latin1') };
  }
  return { body: 'unfinished', rest: '' };
}

describe('a body in chunks', () => {
  it('is the same wherever the network cut it', () => {
    const chunk = fc.string({ minLength: 1, maxLength: 40, unit: 'binary-ascii' });
    const cuts = fc.array(fc.nat(400), { maxLength: 10 });
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 8 }), cuts, (chunks, at) => {
        const text = chunks.map((one) => `${one.length.toString(16)};x=y\r\n${one}\r\n`).join('');
        const wire = Buffer.from(`${text}0\r\nTrailer: 1\r\n\r\nGET /next`, 'latin1');
        expect(read(wire, at)).toEqual({ body: chunks.join(''), rest: 'GET /next' });
      }),
    );
  });

  it.each([
    'g\r\n',
    '5\n12345\r\n',
    '-1\r\n',
    '5\r\n123456\r\n',
    ' 5\r\n',
    '123456789\r\n',
    `${'0'.repeat(300)}`,
    '0x5\r\n',
  ])('refuses %j', (text) => expect(read(Buffer.from(text))).toBeNull());
});
