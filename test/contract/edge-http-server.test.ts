import { connect, type Socket } from 'node:net';
import type { EdgeResponse, Handler } from '../../apps/bidder-edge/src/server/message';
import { serveLean } from '../../apps/bidder-edge/src/server/serve-lean';
import type { RunningServer } from '../../apps/bidder-edge/src/server/serve';

const LIMITS = { host: '127.0.0.1', port: 0, maxBodyBytes: 100, headersTimeoutMs: 700, requestTimeoutMs: 700 };
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;

describe('a server on plain sockets', () => {
  let server: RunningServer;
  const faults: unknown[] = [];
  const fallback = (error: unknown): EdgeResponse => {
    faults.push(error);
    return { status: 204, headers: {}, body: null };
  };
  const ages: number[] = [];
  const handler: Handler = ({ path, body, arrivedAtMs }) => {
    if (path === '/slow') {
      ages.push(performance.now() - arrivedAtMs);
      for (const until = performance.now() + 20; performance.now() < until;);
      return ok(path);
    }
    if (path === '/throws') throw new Error('by the handler');
    if (path === '/late') return new Promise((resolve) => setTimeout(() => resolve(ok(path)), 20));
    if (path === '/rejects') return Promise.reject(new Error('late'));
    if (path === '/splits') return { status: 302, headers: { location: 'http://x\r\nset-cookie: a' }, body: null };
    if (path === '/after')
      return {
        ...ok(path),
        afterWrite: () => {
          throw new Error('after the write');
        },
      };
    return ok(`${path}${body.length}`);
  };
  const ok = (body: string): EdgeResponse => ({ status: 200, headers: {}, body });

  beforeEach(async () => {
    faults.length = 0;
    server = await serveLean(handler, fallback, { ...LIMITS, keepAliveTimeoutMs: 700 });
  });
  afterEach(() => server.close(0));

  /** Sends texts one after the other; answers all that comes until the server closes or `ms` have passed. */
  const talk = (texts: readonly string[], options: { end?: boolean; ms?: number } = {}): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
      let heard = '';
      socket.on('data', (bytes) => (heard += bytes.toString('latin1')));
      socket.on('end', () => socket.end());
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(heard));
      for (const text of texts) socket.write(text);
      if (options.end === true) socket.end();
      setTimeout(() => socket.destroy(), options.ms ?? 3000);
    });
  const bodiesOf = (text: string): string[] =>
    text
      .split('HTTP/1.1 ')
      .slice(1)
      .map((part) => part.slice(0, 3) + part.slice(part.indexOf('\r\n\r\n') + 4));

  it('reckons what waited while others were answered from when it came', async () => {
    const sockets = await Promise.all(
      Array.from(
        { length: 5 },
        () =>
          new Promise<Socket>((resolve) => {
            const socket = connect(server.port, '127.0.0.1', () => resolve(socket));
          }),
      ),
    );
    // Until the server has accepted them all.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const done = sockets.map((socket) => new Promise((resolve) => socket.once('data', resolve)));
    for (const socket of sockets) socket.write(get('/slow'));
    await Promise.all(done);
    for (const socket of sockets) socket.destroy();
    // Each takes 20 ms: the last one of a turn has waited for all before it.
    expect(Math.max(...ages)).toBeGreaterThanOrEqual(60);
  });

  it('answers in the order asked, though the first takes longer, and closes after the last of a client that ended', async () => {
    expect(bodiesOf(await talk([get('/late') + get('/b') + get('/late')], { end: true }))).toEqual([
      '200/late',
      '200/b0',
      '200/late',
    ]);
  });

  it('answers what a handler throws, now or later, by the fallback, and goes on', async () => {
    const text = await talk([get('/throws') + get('/rejects') + get('/after') + get('/c')], { end: true });
    expect(bodiesOf(text)).toEqual(['204', '204', '200/after', '200/c0']);
    expect(faults.map((error) => (error as Error).message)).toEqual(['by the handler', 'late', 'after the write']);
  });

  it('never writes a header that would begin another', async () => {
    expect(await talk([get('/splits')])).toBe('');
    expect(faults).toHaveLength(1);
    expect(bodiesOf(await talk([get('/d')], { end: true }))).toEqual(['200/d0']);
  });

  it('answers a body that is too long once, and closes', async () => {
    const text = await talk([`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n${'x'.repeat(1000)}`]);
    expect(text).toMatch(/^HTTP\/1.1 413 /);
    const chunks = await talk([
      `POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nc8\r\n${'x'.repeat(200)}\r\n`,
    ]);
    expect(chunks).toMatch(/^HTTP\/1.1 413 /);
  });

  it('waits for a head, a body and the next request only so long', async () => {
    const [head, body, idle] = await Promise.all([
      talk(['GET / HTT'], { ms: 5000 }),
      talk(['POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab'], { ms: 5000 }),
      talk([get('/e')], { ms: 5000 }),
    ]);
    expect(head).toMatch(/^HTTP\/1.1 408 /);
    expect(body).toMatch(/^HTTP\/1.1 408 /);
    expect(bodiesOf(idle)).toEqual(['200/e0']);
  });

  it('answers a request that was under way when it closes, and closes its connection', async () => {
    const text = talk([get('/f')], { ms: 5000 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const late = new Promise<string>((resolve) => {
      const socket = connect(server.port, '127.0.0.1', () => {
        void server.close(2000);
        setTimeout(() => socket.write(get('/g')), 20);
      });
      let heard = '';
      socket.on('data', (bytes) => (heard += bytes.toString('latin1')));
      socket.on('close', () => resolve(heard));
    });
    expect(await late).toMatch(/connection: close\r\n\r\n\/g0$/);
    expect(bodiesOf(await text)).toEqual(['200/f0']);
  });
});
