import { isFault, parseHead, type RequestHead } from './request-head';

const read = (...lines: string[]): RequestHead => {
  const head = parseHead(lines.join('\r\n'));
  if (isFault(head)) throw new Error(`refused with ${head.status}`);
  return head;
};
const statusOf = (...lines: string[]): number | null => {
  const head = parseHead(lines.join('\r\n'));
  return isFault(head) ? head.status : null;
};

describe('the head of a request', () => {
  it('is read as the standard says', () => {
    const head = read('POST /openrtb2/demo?a=1&b HTTP/1.1', 'Host: x', 'CONTENT-LENGTH:  12  ', 'x-a: 1', 'X-A: \t2');
    expect(head).toMatchObject({ method: 'POST', path: '/openrtb2/demo', query: 'a=1&b', bodyBytes: 12 });
    expect(head.headers['x-a']).toBe('1, 2');
    expect(read('GET http://edge.example/n/win?t=1 HTTP/1.1', 'Host: x')).toMatchObject({
      path: '/n/win',
      query: 't=1',
    });
    expect(read('GET http://edge.example HTTP/1.1', 'Host: x').path).toBe('/');
    expect(read('POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: Chunked').bodyBytes).toBe('chunked');
    expect(read('GET / HTTP/1.1', 'Host: x', '__proto__: 1').headers['__proto__']).toBe('1');
  });

  it.each([
    ['HTTP/1.1', [], true],
    ['HTTP/1.1', ['Connection: close'], false],
    ['HTTP/1.0', [], false],
    ['HTTP/1.0', ['Connection: Keep-Alive'], true],
  ] as const)('%s %p keeps the connection: %p', (version, lines, keepAlive) => {
    expect(read(`GET / ${version}`, 'Host: x', ...lines).keepAlive).toBe(keepAlive);
  });

  it.each([
    ['no request line', 400, ['hello']],
    ['an unknown version', 505, ['GET / HTTP/2.0', 'Host: x']],
    ['a blank in the target', 400, ['GET /a b HTTP/1.1', 'Host: x']],
    ['no host', 400, ['GET / HTTP/1.1']],
    ['two hosts', 400, ['GET / HTTP/1.1', 'Host: x', 'Host: y']],
    ['a blank before the colon', 400, ['GET / HTTP/1.1', 'Host : x']],
    ['a folded line', 400, ['GET / HTTP/1.1', 'Host: x', ' y']],
    ['a bare line feed', 400, ['GET / HTTP/1.1', 'Host: x\nContent-Length: 5']],
    ['a NUL', 400, ['GET / HTTP/1.1', 'Host: x\0']],
    ['both lengths', 400, ['POST / HTTP/1.1', 'Host: x', 'Content-Length: 5', 'Transfer-Encoding: chunked']],
    ['two lengths', 400, ['POST / HTTP/1.1', 'Host: x', 'Content-Length: 5', 'Content-Length: 5']],
    ['a signed length', 400, ['POST / HTTP/1.1', 'Host: x', 'Content-Length: +5']],
    ['a list of lengths', 400, ['POST / HTTP/1.1', 'Host: x', 'Content-Length: 5, 5']],
    ['another coding', 501, ['POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: gzip, chunked']],
    ['chunks in 1.0', 400, ['POST / HTTP/1.0', 'Transfer-Encoding: chunked']],
    ['another expectation', 417, ['POST / HTTP/1.1', 'Host: x', 'Expect: cake']],
    ['too many headers', 400, ['GET / HTTP/1.1', 'Host: x', ...Array.from({ length: 100 }, (_, n) => `x-${n}: 1`)]],
  ])('refuses %s with %p', (_what, status, lines) => {
    expect(statusOf(...lines)).toBe(status);
  });
});
