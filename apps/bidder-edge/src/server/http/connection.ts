import type { Socket } from 'node:net';
import type { EdgeResponse } from '../message';
import { problemResponse } from '../problem';
import { ChunkedBody } from './chunked-body';
import type { HeadCache } from './head-cache';
import type { LoopTurn } from './loop-turn';
import { isFault, type RequestHead } from './request-head';
import { headText, refusalText } from './response-text';

/** What all connections of one server share. Times are monotonic milliseconds. */
export interface ConnectionPorts {
  readonly limits: {
    maxBodyBytes: number;
    headersTimeoutMs: number;
    requestTimeoutMs: number;
    keepAliveTimeoutMs: number;
  };
  readonly heads: HeadCache;
  /** No further request is wanted on any connection. */
  readonly isDraining: boolean;
  answer(head: RequestHead, body: Buffer, arrivedAtMs: number): EdgeResponse | Promise<EdgeResponse>;
  /** An answer could not be written for what is in it. */
  onFault(error: unknown): void;
  readonly turn: LoopTurn;
  now(): number;
}

const MAX_HEAD_BYTES = 16_384;
/** Bytes swallowed after a refusal so that the client can read it, and what may wait behind a request that is being answered. */
const SWALLOW_BYTES = 4 << 20;
const MAX_WAITING_BYTES = 256 << 10;
const LINGER_MS = 2000;
const HEAD_END = '\r\n\r\n';
const [CR, LF, UPPER_A, UPPER_Z] = [0x0d, 0x0a, 0x41, 0x5a];
const EMPTY = Buffer.alloc(0);

/** One body of known length on its way. */
interface PlainBody {
  parts: Buffer[];
  length: number;
}

/**
 * One connection of HTTP/1.x (RFC 9112): requests are read one after the other, pipelined ones too, and each is answered before the next is
 * begun. What cannot be read for sure is refused and the connection closed.
 */
export class Connection {
  /** Bytes that came and belong to nothing yet. */
  private input: Buffer = EMPTY;
  private head: RequestHead | null = null;
  private body: PlainBody | ChunkedBody | null = null;
  private begunAtMs = 0;
  private isBusy = false;
  private isBlocked = false;
  private isRefused = false;
  private hasEnded = false;
  private swallowed = 0;
  /** When patience ends; never while an answer is awaited. */
  private deadlineMs: number;

  constructor(
    private readonly socket: Socket,
    private readonly ports: ConnectionPorts,
  ) {
    this.deadlineMs = ports.now() + ports.limits.headersTimeoutMs;
    socket.on('data', (bytes: Buffer) => this.take(bytes));
    socket.on('drain', () => this.unblock());
    socket.on('end', () => this.onEnd());
    // A client that goes away costs nothing further; 'close' follows.
    socket.on('error', () => socket.destroy());
  }

  /** Nothing of a request has come and none is being answered. */
  get isIdle(): boolean {
    return !this.isBusy && this.head === null && this.input.length === 0;
  }

  /** Ends what has waited too long: silently where nothing was asked, else with 408. */
  sweep(nowMs: number): void {
    if (this.isBusy || nowMs < this.deadlineMs) return;
    if (this.isRefused || this.isBlocked) this.socket.destroy();
    else if (this.isIdle) this.socket.end();
    else this.refuse(408);
  }

  endWhenIdle(): void {
    if (this.isIdle) this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private take(bytes: Buffer): void {
    if (this.isRefused) {
      this.swallowed += bytes.length;
      if (this.swallowed > SWALLOW_BYTES) this.socket.destroy();
      return;
    }
    this.input = this.input.length === 0 ? bytes : Buffer.concat([this.input, bytes]);
    if (!this.isBusy && !this.isBlocked) this.read();
    if (this.input.length > MAX_WAITING_BYTES && (this.isBusy || this.isBlocked)) this.socket.pause();
  }

  /** Reads and answers as many requests as have come whole. */
  private read(): void {
    while (!this.isBusy && !this.isBlocked && !this.isRefused && !this.socket.destroyed) {
      if (this.head === null && !this.readHead()) break;
      const body = this.readBody();
      if (body === null) break;
      const head = this.head as RequestHead;
      this.isBusy = true;
      const answer = this.ports.answer(head, body, this.begunAtMs);
      if (answer instanceof Promise) {
        void answer.then((late) => {
          this.respond(head, late);
          this.socket.resume();
          this.read();
        });
        return;
      }
      this.respond(head, answer);
    }
    if (this.hasEnded && !this.isBusy && !this.isBlocked) this.socket.end();
  }

  /** True when a head was read. */
  private readHead(): boolean {
    const { input, ports } = this;
    let from = 0;
    // Blank lines before a request line are tolerated (RFC 9112, section 2.2).
    while (from < input.length && (input[from] === CR || input[from] === LF)) from += 1;
    if (from === input.length) {
      this.input = EMPTY;
      return false;
    }
    if (this.begunAtMs === 0) {
      this.begunAtMs = ports.turn.began();
      this.deadlineMs = this.begunAtMs + ports.limits.headersTimeoutMs;
    }
    if (input[from] < UPPER_A || input[from] > UPPER_Z) return this.refuse(400);
    const end = input.indexOf(HEAD_END, from, 'latin1');
    if (end < 0 || end - from > MAX_HEAD_BYTES) return input.length - from > MAX_HEAD_BYTES ? this.refuse(431) : false;
    const head = ports.heads.read(input.toString('latin1', from, end));
    if (isFault(head)) return this.refuse(head.status);
    this.input = input.subarray(end + HEAD_END.length);
    this.head = head;
    this.body = head.bodyBytes === 'chunked' ? new ChunkedBody() : { parts: [], length: 0 };
    this.deadlineMs = this.begunAtMs + ports.limits.requestTimeoutMs;
    if (typeof head.bodyBytes === 'number' && head.bodyBytes > ports.limits.maxBodyBytes) return this.tooLarge();
    if (head.expectsContinue && this.input.length === 0) this.socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    return true;
  }

  /** The body once it is whole, else null. */
  private readBody(): Buffer | null {
    const { input, body } = this;
    const { bodyBytes } = this.head as RequestHead;
    if (body instanceof ChunkedBody) return this.readChunks(body);
    const { parts, length } = body as PlainBody;
    const missing = (bodyBytes as number) - length;
    if (input.length < missing) {
      if (input.length > 0) parts.push(input);
      (body as PlainBody).length += input.length;
      this.input = EMPTY;
      return null;
    }
    const last = input.length === missing ? input : input.subarray(0, missing);
    this.input = input.length === missing ? EMPTY : input.subarray(missing);
    if (parts.length === 0) return last;
    parts.push(last);
    return Buffer.concat(parts, bodyBytes as number);
  }

  private readChunks(body: ChunkedBody): Buffer | null {
    const at = body.take(this.input, 0, body.length <= this.ports.limits.maxBodyBytes);
    if (at < 0) this.refuse(400);
    else if (body.length > this.ports.limits.maxBodyBytes) this.tooLarge();
    else {
      this.input = at === this.input.length ? EMPTY : this.input.subarray(at);
      if (body.isOver) return body.bytes();
    }
    return null;
  }

  private respond(head: RequestHead, answer: EdgeResponse): void {
    const { socket, ports } = this;
    const isLast = this.hasEnded && this.input.length === 0;
    const keepAlive = head.keepAlive && !ports.isDraining && !isLast;
    this.isBusy = false;
    this.head = null;
    this.body = null;
    this.begunAtMs = 0;
    this.deadlineMs = ports.now() + ports.limits.keepAliveTimeoutMs;
    try {
      if (!socket.destroyed) this.isBlocked = !this.write(answer, head.method !== 'HEAD', keepAlive);
    } catch (error) {
      // Nothing of the answer went out; without one the connection is of no use.
      ports.onFault(error);
      socket.destroy();
    }
    if (!keepAlive) this.finish();
    if (answer.afterWrite) ports.turn.afterwards(answer.afterWrite);
  }

  /** One write per answer. False when the client reads too slowly to be sent more. */
  private write(answer: EdgeResponse, hasBody: boolean, keepAlive: boolean): boolean {
    const { socket } = this;
    const { body } = answer;
    if (typeof body !== 'string') {
      const head = headText(answer, body?.length ?? 0, keepAlive);
      if (body === null || !hasBody) return socket.write(head, 'latin1');
      return socket.write(Buffer.concat([Buffer.from(head, 'latin1'), body]));
    }
    const bytes = Buffer.byteLength(body);
    const head = headText(answer, bytes, keepAlive);
    if (!hasBody) return socket.write(head, 'latin1');
    // A text as long as its bytes is ASCII and goes out without being encoded.
    if (bytes === body.length) return socket.write(head + body, 'latin1');
    return socket.write(Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body)]));
  }

  private tooLarge(): false {
    const { maxBodyBytes } = this.ports.limits;
    this.write(problemResponse(413, 'BODY_TOO_LARGE', `the body exceeds ${maxBodyBytes} bytes`), true, false);
    return this.finish();
  }

  private refuse(status: number): false {
    this.socket.write(refusalText(status), 'latin1');
    return this.finish();
  }

  /** Nothing more is read for an answer; what still comes is swallowed for a while, so that the answer is not lost to a reset. */
  private finish(): false {
    this.isRefused = true;
    this.head = null;
    this.input = EMPTY;
    this.deadlineMs = this.ports.now() + LINGER_MS;
    this.socket.end();
    return false;
  }

  private unblock(): void {
    if (!this.isBlocked) return;
    this.isBlocked = false;
    this.socket.resume();
    this.read();
  }

  /** The client has said all it will; an answer on its way is still sent. */
  private onEnd(): void {
    this.hasEnded = true;
    if (!this.isBusy) this.socket.end();
  }
}
