/**
 * Load generator: a process of its own, so that it can sit on another core than the server. Raw sockets and prepared
 * bytes, since an HTTP client would be slower than the bare server that is the ceiling.
 *
 * argv[2]: JSON of LoadPlan. Prints one JSON line of LoadResult.
 */
import { connect, type Socket } from 'node:net';
import { readFileSync } from 'node:fs';
import { build, type Histogram } from 'hdr-histogram-js';
import { USER_DIGITS } from './bodies';

export interface LoadPlan {
  host: string;
  port: number;
  path: string;
  /** File with one request body per line, sent in turn. */
  bodiesFile: string;
  connections: number;
  seconds: number;
  /** Requests per second with latency from the intended send time; 0 = closed loop. */
  ratePerSecond: number;
}

export interface LoadResult {
  requests: number;
  seconds: number;
  perSecond: number;
  p50Us: number;
  p99Us: number;
  p999Us: number;
  statuses: Record<string, number>;
  /** Open loop only: requests that were due but never sent because every connection was busy. */
  unsent: number;
  /** Processor time of this process over the run's time. */
  generatorBusy: number;
}

/** Request bytes, and where the user's digits stand in them (-1: nowhere). */
interface Prepared {
  bytes: Buffer;
  digitsAt: number;
}

/** People behind the requests, visited in a stride so that neighbours in time are not neighbours in number. */
const USERS = 100_000;
const STRIDE = 7919;
const DIGITS = 8;

/** Longest backlog of due requests in open loop; more is counted as unsent. */
const MAX_BACKLOG = 10_000;

class Connection {
  private received: Buffer = Buffer.alloc(0);
  private startedAt = 0;
  busy = false;

  constructor(
    readonly socket: Socket,
    private readonly onDone: (status: string, startedAt: number, connection: Connection) => void,
  ) {
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.read(chunk));
  }

  send(bytes: Buffer, intendedAt: number): void {
    this.busy = true;
    this.startedAt = intendedAt;
    this.socket.write(bytes);
  }

  private read(chunk: Buffer): void {
    this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
    const headEnd = this.received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = this.received.toString('latin1', 0, headEnd);
    const lengthAt = head.toLowerCase().indexOf('content-length:');
    const bodyLength = lengthAt < 0 ? 0 : Number.parseInt(head.slice(lengthAt + 15), 10);
    if (this.received.length < headEnd + 4 + bodyLength) return;
    this.received = Buffer.alloc(0);
    this.busy = false;
    this.onDone(head.slice(9, 12), this.startedAt, this);
  }
}

function prepare(plan: LoadPlan): Prepared[] {
  const bodies = readFileSync(plan.bodiesFile, 'utf8').split('\n').filter(Boolean);
  return bodies.map((body) => {
    const bytes = Buffer.from(
      `POST ${plan.path} HTTP/1.1\r\nHost: ${plan.host}\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
    const at = bytes.indexOf(USER_DIGITS);
    return { bytes, digitsAt: at < 0 ? -1 : at + USER_DIGITS.length - DIGITS };
  });
}

/** Writes the next user into the bytes in place; the kernel has copied what was sent before. */
function visit({ bytes, digitsAt }: Prepared, n: number): Buffer {
  if (digitsAt < 0) return bytes;
  let rest = (n * STRIDE) % USERS;
  for (let at = digitsAt + DIGITS - 1; at >= digitsAt; at--) {
    bytes[at] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return bytes;
}

const openConnection = (plan: LoadPlan): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(plan.port, plan.host, () => resolve(socket));
    socket.once('error', reject);
  });

class Load {
  readonly histogram: Histogram = build({ highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 });
  readonly statuses: Record<string, number> = {};
  private readonly connections: Connection[] = [];
  private readonly backlog: number[] = [];
  private next = 0;
  private done = 0;
  private unsent = 0;
  private stopping = false;

  constructor(
    private readonly plan: LoadPlan,
    private readonly requests: Prepared[],
  ) {}

  async run(): Promise<LoadResult> {
    for (let i = 0; i < this.plan.connections; i++) {
      this.connections.push(new Connection(await openConnection(this.plan), (...args) => this.finished(...args)));
    }
    const startedAt = performance.now();
    const cpuBefore = process.cpuUsage();
    if (this.plan.ratePerSecond > 0) await this.openLoop(startedAt);
    else await this.closedLoop();
    const seconds = (performance.now() - startedAt) / 1000;
    const { user, system } = process.cpuUsage(cpuBefore);
    for (const { socket } of this.connections) socket.destroy();
    const at = (percent: number) => this.histogram.getValueAtPercentile(percent);
    return {
      requests: this.done,
      seconds,
      perSecond: this.done / seconds,
      p50Us: at(50),
      p99Us: at(99),
      p999Us: at(99.9),
      statuses: this.statuses,
      unsent: this.unsent,
      generatorBusy: (user + system) / 1e6 / seconds,
    };
  }

  private async closedLoop(): Promise<void> {
    for (const connection of this.connections) this.send(connection, performance.now());
    await new Promise((resolve) => setTimeout(resolve, this.plan.seconds * 1000));
    this.stopping = true;
  }

  /** Sends at fixed intended times; a late send keeps its intended time, so that queueing is measured. */
  private async openLoop(startedAt: number): Promise<void> {
    const total = Math.floor(this.plan.ratePerSecond * this.plan.seconds);
    let due = 0;
    while (due < total) {
      const now = performance.now();
      for (; due < total && startedAt + (due * 1000) / this.plan.ratePerSecond <= now; due++) {
        this.offer(startedAt + (due * 1000) / this.plan.ratePerSecond);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (let i = 0; i < 200 && this.connections.some((connection) => connection.busy); i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    this.stopping = true;
  }

  private offer(intendedAt: number): void {
    const idle = this.connections.find((connection) => !connection.busy);
    if (idle) this.send(idle, intendedAt);
    else if (this.backlog.length < MAX_BACKLOG) this.backlog.push(intendedAt);
    else this.unsent++;
  }

  private send(connection: Connection, intendedAt: number): void {
    const n = this.next++;
    connection.send(visit(this.requests[n % this.requests.length], n), intendedAt);
  }

  private finished(status: string, startedAt: number, connection: Connection): void {
    this.histogram.recordValue(Math.max(1, Math.round((performance.now() - startedAt) * 1000)));
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    this.done++;
    if (this.stopping) return;
    if (this.plan.ratePerSecond === 0) this.send(connection, performance.now());
    else if (this.backlog.length > 0) this.send(connection, this.backlog.shift()!);
  }
}

if (require.main === module) {
  const plan = JSON.parse(process.argv[2]) as LoadPlan;
  void new Load(plan, prepare(plan)).run().then((result) => {
    console.log(JSON.stringify(result));
    process.exit(0);
  });
}
