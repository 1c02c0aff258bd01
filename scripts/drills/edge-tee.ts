import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Call {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer;
}

/** What a hop may not pass on. */
const HOP_HEADERS = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive', 'expect']);
const RETRY_MS = 500;
const TIMEOUT_MS = 40_000;

/**
 * Stands between an edge and its control plane and lets a second one hear the same: every segment once and in order, and the
 * heartbeats without their money, since the second one's grants are nobody's. The edge obeys the first alone.
 */
export class EdgeTee {
  /** Base URL of the control plane that the edge obeys, and of the one that only listens. */
  primary: string | null = null;
  mirror: string | null = null;
  private readonly seen = new Set<string>();
  private readonly queue: Call[] = [];
  private draining: Promise<void> | null = null;
  private beating = false;
  private stopped = false;
  /** Newest snapshot that the mirror told of: its own numbers, which it expects to hear back. */
  private mirrorVersion: number | null = null;

  private constructor(private readonly server: Server) {}

  /** Listens on a free port of the loopback interface. */
  static async listen(): Promise<EdgeTee> {
    const server = createServer();
    const tee = new EdgeTee(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      const gone = new AbortController();
      response.once('close', () => gone.abort());
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = 'GET', url = '/', headers } = request;
        const call: Call = { method, path: url, headers: passedOn(headers), body: Buffer.concat(chunks) };
        tee.overhear(call);
        void tee.forward(call, gone.signal).then(
          ({ status, headers: answered, body }) => response.writeHead(status, answered).end(body),
          () => response.writeHead(502).end(),
        );
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return tee;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Segments that the mirror has not taken yet. */
  get pending(): number {
    return this.queue.length;
  }

  async close(): Promise<void> {
    this.stopped = true;
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    await this.draining;
  }

  private async forward(call: Call, signal: AbortSignal) {
    if (this.primary === null) throw new Error('no control plane');
    const answer = await send(this.primary, call, signal);
    const headers: Record<string, string> = {};
    answer.headers.forEach((value, name) => {
      if (!HOP_HEADERS.has(name) && name !== 'content-encoding') headers[name] = value;
    });
    return { status: answer.status, headers, body: Buffer.from(await answer.arrayBuffer()) };
  }

  private overhear(call: Call): void {
    if (this.mirror === null) return;
    if (call.path === '/edge/v1/heartbeat') void this.beat(this.mirror, call);
    if (call.method !== 'PUT' || this.seen.has(call.path)) return;
    this.seen.add(call.path);
    this.queue.push(call);
    this.draining ??= this.drain().finally(() => (this.draining = null));
  }

  private async beat(mirror: string, call: Call): Promise<void> {
    if (this.beating) return;
    this.beating = true;
    const heard = JSON.parse(call.body.toString('utf8')) as Record<string, unknown>;
    const told = { ...heard, grants: [], snapshotVersion: this.mirrorVersion ?? heard.snapshotVersion };
    const body = Buffer.from(JSON.stringify(told));
    try {
      const answer = await send(mirror, { ...call, body }, AbortSignal.timeout(TIMEOUT_MS));
      if (answer.ok) this.mirrorVersion = ((await answer.json()) as { snapshotVersion: number | null }).snapshotVersion;
    } catch {
      // The next heartbeat comes in seconds.
    } finally {
      this.beating = false;
    }
  }

  private async drain(): Promise<void> {
    for (let call = this.queue[0]; call && this.mirror !== null && !this.stopped; call = this.queue[0]) {
      const answer = await send(this.mirror, call, AbortSignal.timeout(TIMEOUT_MS)).catch(() => null);
      if (answer?.ok) this.queue.shift();
      else await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

function passedOn(headers: IncomingHttpHeaders): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (typeof value === 'string' && !HOP_HEADERS.has(name)) kept[name] = value;
  return kept;
}

const send = (base: string, { method, path, headers, body }: Call, signal: AbortSignal): Promise<Response> =>
  fetch(`${base}${path}`, { method, headers, body: body.length > 0 ? new Uint8Array(body) : undefined, signal });
