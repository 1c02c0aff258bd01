import type { RedisClientType } from '@redis/client';

/** The client with its replies in the form of RESP 3, and no modules. */
export type RedisClient = RedisClientType<Record<string, never>, Record<string, never>, Record<string, never>, 3>;

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 3000;
/** A connection on which nothing was answered for so long although something was asked is given up: the server stands still, or the line is cut. */
const STALLED_MS = 5000;
const WATCH_MS = 500;
const CONNECT_TIMEOUT_MS = 2000;

export interface RedisLinkOptions {
  /** redis[s]://[user[:password]@]host[:port][/database] */
  url: string;
  password: string | null;
  /** What the server or the network refused; called for each failed attempt. */
  onFault(code: string): void;
  /** The link is usable, or is not any more. */
  onState(isUp: boolean): void;
}

/** Time until the next attempt, ms: doubled each time up to a bound, and half of it by chance so that edges do not come back as one. */
export const retryDelayMs = (retries: number, random: number): number =>
  Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(retries, 10)) * (0.5 + random / 2);

/**
 * One connection to a Redis, kept up: connects, retries for ever, gives up a connection that stands still. It queues nothing: what cannot be sent at
 * once is refused, and no fault of server or network leaves it.
 */
export class RedisLink {
  private client: RedisClient | null = null;
  private watch: NodeJS.Timeout | null = null;
  /** Commands sent and neither answered nor refused, whoever still waits for them. */
  private unanswered = 0;
  /** When the last answer came, or the connection began; monotonic ms. */
  private heardAtMs = 0;
  private isUp = false;

  constructor(private readonly options: RedisLinkOptions) {}

  /** The client where it may be asked now, else null. */
  get ready(): RedisClient | null {
    return this.client?.isReady === true ? this.client : null;
  }

  get pending(): number {
    return this.unanswered;
  }

  start(): void {
    this.open();
    this.watch = setInterval(() => this.look(), WATCH_MS);
    this.watch.unref();
  }

  stop(): void {
    if (this.watch !== null) clearInterval(this.watch);
    this.watch = null;
    this.drop();
  }

  /** Counts commands until they are settled, so that a silent server is noticed. Resolves or rejects as they do. */
  async counted<T>(commands: number, replies: Promise<T>): Promise<T> {
    if (this.unanswered === 0) this.heardAtMs = performance.now();
    this.unanswered += commands;
    try {
      return await replies;
    } finally {
      this.unanswered -= commands;
      this.heardAtMs = performance.now();
    }
  }

  private open(): void {
    const { url, password, onFault } = this.options;
    // Loaded where a Redis is configured only: 120 ms and 10 MB that no other edge needs.
    const { createClient } = require('@redis/client') as typeof import('@redis/client');
    const client = createClient({
      url,
      ...(password !== null && { password }),
      RESP: 3,
      name: 'adloop-edge',
      // What is not sent now is of no use later, and would pile up.
      disableOfflineQueue: true,
      maintNotifications: 'disabled',
      socket: {
        connectTimeout: CONNECT_TIMEOUT_MS,
        reconnectStrategy: (retries) => retryDelayMs(retries, Math.random()),
      },
    }) as unknown as RedisClient;
    client.on('error', (error: unknown) => {
      if (this.client !== client) return;
      onFault(faultCode(error));
      this.say();
    });
    client.on('ready', () => {
      this.heardAtMs = performance.now();
      this.say();
    });
    this.client = client;
    this.heardAtMs = performance.now();
    // Every failed attempt has said so by `error`; this one says only that the client was given up.
    client.connect().catch(() => undefined);
  }

  private drop(): void {
    const { client } = this;
    this.client = null;
    if (client?.isOpen === true) client.destroy();
    this.say();
  }

  /** Twice a second: is anybody there? A server that stands still takes connections and commands, and answers nothing. */
  private look(): void {
    this.say();
    const isWaiting = this.unanswered > 0 || this.ready === null;
    if (!isWaiting || performance.now() - this.heardAtMs < STALLED_MS) return;
    this.options.onFault('STALLED');
    this.drop();
    this.open();
  }

  private say(): void {
    const isUp = this.ready !== null;
    if (isUp === this.isUp) return;
    this.isUp = isUp;
    this.options.onState(isUp);
  }
}

/** A short stable word for a fault: the system's code, or the one that Redis begins its errors with. */
export function faultCode(error: unknown): string {
  const { code, message, name } = error as { code?: unknown; message?: unknown; name?: unknown };
  if (typeof code === 'string' && code !== '') return code;
  const word = typeof message === 'string' ? (/^([A-Z]{3,})\b/.exec(message)?.[1] ?? '') : '';
  return word !== '' ? word : String(name ?? 'UNKNOWN');
}
