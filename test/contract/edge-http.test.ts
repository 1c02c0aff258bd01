import { connect } from 'node:net';
import { gunzipSync, gzipSync } from 'node:zlib';
import { ask, bannerRequest } from '../fixtures/edge-traffic';
import { startLocalEdge, type LocalEdge } from '../fixtures/local-edge';

/** A response with bids. */
interface Sent {
  seatbid: { bid: { id: string; exp?: number }[] }[];
}

describe.each(['lean', 'node'])('the HTTP side of an edge, server %s', (server) => {
  let local: LocalEdge;
  beforeAll(async () => (local = await startLocalEdge(null, { EDGE_HTTP_SERVER: server })));
  afterAll(() => local.stop());

  const post = (body: Buffer | string, headers: Record<string, string> = {}, exchange = 'demo'): Promise<Response> =>
    fetch(`${local.url}/openrtb2/${exchange}`, { method: 'POST', headers, body: new Uint8Array(Buffer.from(body)) });
  const valid = (): string => JSON.stringify(bannerRequest('http'));
  const codeOf = async (response: Response): Promise<string> => ((await response.json()) as { code: string }).code;

  /** Writes raw bytes to the port and answers everything that comes back until the edge closes or `ms` have passed. */
  const raw = (bytes: Buffer | string, ms = 500): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(local.edge.port, '127.0.0.1', () => socket.write(bytes));
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString('latin1')));
      socket.on('error', () => resolve(text));
      socket.on('close', () => resolve(text));
      setTimeout(() => socket.destroy(), ms);
    });

  it('takes and gives gzip when asked', async () => {
    const response = await post(gzipSync(valid()), { 'content-encoding': 'gzip', 'accept-encoding': 'gzip' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect(((await response.json()) as { cur: string }).cur).toBe('USD');
    expect(gunzipSync(gzipSync('x')).toString()).toBe('x');
  });

  it('holds a bid for as long as its impression may take, and says so where that is less', async () => {
    const heldFor = async (exp: number): Promise<[number, number | undefined]> => {
      const imp = [{ id: '1', exp, banner: { w: 300, h: 250 } }];
      const sent = (await (await post(JSON.stringify(bannerRequest(`late-${exp}`, { imp })))).json()) as Sent;
      const [bid] = sent.seatbid[0].bid;
      const held = local.edge.state.reservations.find(bid.id);
      return [Math.round(((held?.expiresAtMs ?? 0) - Date.now()) / 60_000), bid.exp];
    };
    expect(await heldFor(60)).toEqual([5, undefined]);
    expect(await heldFor(900)).toEqual([18, undefined]);
    const [minutes, exp = 0] = await heldFor(86_400);
    expect(minutes).toBeLessThanOrEqual(60);
    expect(exp).toBe(minutes * 60 - 60);
  });

  it.each([
    ['text', 'not json', {}, 400, 'BAD_JSON'],
    ['nothing', '', {}, 400, 'BAD_JSON'],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), {}, 400, 'BAD_JSON'],
    ['a deep nest', '['.repeat(100_000), {}, 400, 'BAD_JSON'],
    ['what is no gzip', 'x', { 'content-encoding': 'gzip' }, 400, 'BAD_GZIP'],
    ['a gzip bomb', gzipSync(Buffer.alloc(20 << 20)), { 'content-encoding': 'gzip' }, 413, 'BODY_TOO_LARGE'],
    ['more than 256 kB', ' '.repeat(300 * 1024), {}, 413, 'BODY_TOO_LARGE'],
    ['an unknown encoding', '{}', { 'content-encoding': 'br' }, 415, 'UNSUPPORTED_ENCODING'],
  ] as const)('refuses %s with a problem', async (_what, body, headers, status, code) => {
    const response = await post(body as string, headers);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await codeOf(response)).toBe(code);
  });

  it('knows its exchanges, routes and methods', async () => {
    expect(await codeOf(await post(valid(), {}, 'nobody'))).toBe('UNKNOWN_EXCHANGE');
    expect(await codeOf(await post(valid(), {}, '__proto__'))).toBe('UNKNOWN_EXCHANGE');
    const wrong = await fetch(`${local.url}/openrtb2/demo`);
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get('allow')).toBe('POST');
    expect((await fetch(`${local.url}/n/win`, { method: 'POST' })).status).toBe(405);
    expect((await fetch(`${local.url}/nowhere`)).status).toBe(404);
    for (const name of ['other', 'constructor', '__proto__', 'valueOf'])
      expect((await fetch(`${local.url}/n/${name}`)).status).toBe(404);
  });

  it('says why there is no bid only when asked', async () => {
    const pod = { id: '1', video: { mimes: ['video/mp4'], poddur: 60 } };
    const video = bannerRequest('nbr', { imp: [pod] });
    expect((await post(JSON.stringify(video))).status).toBe(204);
    const asked = await post(JSON.stringify({ ...video, ext: { nbr: 1 } }));
    expect(asked.status).toBe(200);
    expect(await asked.json()).toEqual({ id: video['id'], nbr: expect.any(Number) as number });
    const each = await post(JSON.stringify({ ...video, ext: { prebid: { returnallbidstatus: true } } }));
    const seatnonbid = [{ seat: 'adloop', nonbid: [{ impid: '1', statuscode: 202 }] }];
    expect(await each.json()).toEqual({ id: video['id'], ext: { seatnonbid } });
    const both = { ...video, imp: [pod, { id: '2', banner: { w: 300, h: 250 } }], ext: { seatnonbid: 1 } };
    const answer = (await (await post(JSON.stringify(both))).json()) as { seatbid: { bid: { impid: string }[] }[] };
    expect(answer).toMatchObject({ ext: { seatnonbid } });
    expect(answer.seatbid[0]?.bid.map(({ impid }) => impid)).toEqual(['2']);
  });

  it('answers pipelined requests in order and survives noise', async () => {
    const bodies = ['p1', 'p2', 'p3'].map((id) => JSON.stringify(bannerRequest('pipeline', { id })));
    const bytes = bodies
      .map(
        (body) =>
          `POST /openrtb2/demo HTTP/1.1\r\nhost: x\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      )
      .join('');
    const text = await raw(bytes);
    expect([...text.matchAll(/"id":"(p\d)"/g)].map((match) => match[1])).toEqual(['p1', 'p2', 'p3']);
    expect(await raw('\x00\x01\x02 nonsense\r\n\r\n')).toContain('400 Bad Request');
    expect(await raw('POST /openrtb2/demo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{', 200)).toBe('');
    expect(await ask(local.url, bannerRequest('after noise'))).not.toBeNull();
  });

  const request = (body: string, ...headers: string[]): string =>
    ['POST /openrtb2/demo HTTP/1.1', 'host: x', ...headers, '', body].join('\r\n');
  const statusesOf = (text: string): string[] =>
    [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => match[1] ?? '');

  it('reads a body in chunks, byte by byte, and after 100-continue', async () => {
    const body = valid();
    const chunked = `${(20).toString(16)}\r\n${body.slice(0, 20)}\r\n${(body.length - 20).toString(16)};a=b\r\n${body.slice(20)}\r\n0\r\n\r\n`;
    const wire = request(chunked, 'transfer-encoding: chunked');
    expect(statusesOf(await raw(wire + request(body, `content-length: ${body.length}`)))).toEqual(['200', '200']);
    const bytes = Buffer.from(request(body, `content-length: ${body.length}`));
    const slow = new Promise<string>((resolve) => {
      const socket = connect({ port: local.edge.port, host: '127.0.0.1', noDelay: true });
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
        socket.destroy();
      });
      socket.on('close', () => resolve(text));
      let at = 0;
      const next = (): void => {
        socket.write(bytes.subarray(at, at + 7));
        at += 7;
        if (at < bytes.length) setImmediate(next);
      };
      next();
    });
    expect(statusesOf(await slow)).toEqual(['200']);
    const expecting = await raw(request('', 'expect: 100-continue', 'content-length: 2'), 200);
    expect(statusesOf(expecting)).toEqual(['100']);
  });

  it.each([
    ['both lengths', 'content-length: 2', 'transfer-encoding: chunked'],
    ['two lengths', 'content-length: 2', 'content-length: 3'],
    ['a signed length', 'content-length: +2'],
    ['a folded header', 'x: 1', ' y'],
    ['a blank before the colon', 'content-length : 2'],
  ])('refuses %s and closes: it may be a smuggled request', async (_what, ...headers) => {
    const text = await raw(request('{}', ...headers) + request('{}', 'content-length: 2'));
    expect(statusesOf(text)).toEqual(['400']);
  });

  it('bounds the head, closes when asked, and answers HEAD without a body', async () => {
    expect(statusesOf(await raw(request('', `x: ${'y'.repeat(20_000)}`)))).toEqual(['431']);
    const body = valid();
    const closing = request(body, 'connection: close', `content-length: ${body.length}`);
    expect(statusesOf(await raw(closing, 5000))).toEqual(['200']);
    const head = await raw('HEAD /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    expect(statusesOf(head)).toEqual(['405']);
    expect(head.endsWith('\r\n\r\n')).toBe(true);
  });

  it('answers a client that has said all it will, and forgets one that goes away', async () => {
    const body = valid();
    const answer = new Promise<string>((resolve) => {
      const socket = connect({ port: local.edge.port, host: '127.0.0.1', allowHalfOpen: true });
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString('latin1')));
      socket.on('end', () => resolve(text));
      socket.end(request(body, `content-length: ${body.length}`));
    });
    expect(statusesOf(await answer)).toEqual(['200']);
    await raw(request(body.slice(0, 10), `content-length: ${body.length}`), 50);
    expect(await ask(local.url, bannerRequest('after a client that went'))).not.toBeNull();
  });

  it('answers in time or not at all', async () => {
    const late = await post(JSON.stringify(bannerRequest('late', { tmax: 1 })));
    expect(late.status).toBe(204);
    const metrics = await (await fetch(`${local.url}/metrics`)).text();
    expect(metrics).toContain('reason="too-late"');
    expect(metrics).toMatch(/adloop_edge_latency_seconds_count \d+/);
    expect(metrics).toContain('adloop_edge_snapshot_version 1');
  });

  it('never answered 5xx and met no internal error', () => {
    expect(local.edge.metrics.internalErrors.total).toBe(0);
  });
});
