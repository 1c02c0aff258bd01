import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseKeyFile } from '#domain/contracts';
import { DEFAULT_BID_LIFE } from '#domain/openrtb';
import type { PriceKeys } from './notices/price-cipher';
import { HTTP_SERVERS, type HttpServer } from './server/servers';

/** Where the edge's snapshot comes from: the control plane, or the one shipped in the repository. */
export type SnapshotSource = 'control-plane' | 'shipped';

/** Everything the environment decides, read once. Policy tunables are not here: they belong to the snapshot. */
export interface EdgeConfig {
  edgeId: string;
  host: string;
  /** 0 lets the system choose. */
  port: number;
  /** Who reads HTTP: ourselves, or Node's own server for comparison. */
  httpServer: HttpServer;
  /** Threads that answer bid requests, beside one that does the rest; 1: one thread does all of it. */
  threads: number;
  adminHost: string;
  /** Port of pages and metrics, apart from bids and notices; 0 lets the system choose. */
  adminPort: number;
  home: string;
  fleet: string;
  source: SnapshotSource;
  shippedFolder: string;
  controlPlaneUrl: string | null;
  edgeToken: string;
  /** PEM public keys by name; snapshots and canary leases must verify under one of them. */
  snapshotKeys: ReadonlyMap<string, string>;
  /** PEM public keys of the operators who may sign kill files. */
  operatorKeys: ReadonlyMap<string, string>;
  /** Path or http(s) URL, or null when there is none. */
  killFile: string | null;
  /** HMAC keys of notice tokens, hex decoded; the first signs, all verify (rotation with two live keys). */
  noticeKeys: readonly Buffer[];
  /** Where they came from: read again every second. */
  noticeKeyFile: string;
  /** Keys of exchanges that encrypt their prices, by the id that the exchange's settings name. */
  priceKeys: ReadonlyMap<string, PriceKeys>;
  /** Keyed hash of user ids. */
  userHashKey: Buffer;
  /** Absent: http://127.0.0.1:PORT. */
  noticeBaseUrl: string | null;
  heartbeatMs: number;
  /** How long a bid holds its budget and caps without a billing or loss notice. */
  reservationTtlMs: number;
  /** Longest such time, for impressions that may come late (`imp.exp`). */
  longestReservationMs: number;
  /** How long a notice token is accepted. */
  tokenTtlMs: number;
  /** Shortest time between two fsyncs of the outbox. */
  commitEveryMs: number;
  sealAfterMs: number;
  sealAfterBytes: number;
  outboxMaxBytes: number;
  maxReservations: number;
  maxCapEntries: number;
  maxNoticeEntries: number;
  /** Users whose past is kept in this process. */
  maxUserHistories: number;
  /** Redis that keeps the pasts of users for all edges of a fleet; null: each edge keeps them itself. */
  redisUrl: string | null;
  redisPassword: string | null;
  /** Longest time of one lookup there. */
  redisTimeoutMs: number;
  /** Start of the counter of random draws; two edges started with the same one draw alike. */
  rngStart: number;
  logLevel: string;
}

/** Every fault of the environment at once. */
export class ConfigError extends Error {
  constructor(readonly faults: readonly string[]) {
    super(`wrong configuration:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
  }
}

type Env = Readonly<Record<string, string | undefined>>;

class Reader {
  readonly faults: string[] = [];
  constructor(private readonly env: Env) {}

  text(name: string): string | null {
    const value = this.env[name]?.trim();
    return value ? value : null;
  }

  integer(name: string, fallback: number, min: number, max: number): number {
    const text = this.text(name);
    if (text === null) return fallback;
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    this.faults.push(`${name} must be a whole number from ${min} to ${max}, not '${text}'`);
    return fallback;
  }

  choice<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const text = this.text(name);
    const choice = choices.find((candidate) => candidate === text);
    if (text !== null && choice === undefined)
      this.faults.push(`${name} must be ${choices.join(' or ')}, not '${text}'`);
    return choice ?? fallback;
  }

  url(name: string): string | null {
    const text = this.text(name);
    if (text === null) return null;
    if (/^https?:\/\/[^/\s"\\][^\s"\\]*$/.test(text)) return text.replace(/\/+$/, '');
    this.faults.push(`${name} must be an http(s) URL, not '${text}'`);
    return null;
  }

  redisUrl(name: string): string | null {
    const text = this.text(name);
    if (text === null) return null;
    if (/^rediss?:\/\/[^\s]+$/.test(text) && URL.canParse(text)) return text;
    // The value may hold a password: it is not repeated.
    this.faults.push(`${name} must be redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE], or rediss:// for TLS`);
    return null;
  }

  file(name: string): string | null {
    const file = this.text(name);
    if (file === null) return null;
    if (existsSync(file)) return readFileSync(file, 'utf8').trim();
    this.faults.push(`${name} names a file that does not exist: ${file}`);
    return null;
  }

  keys(name: string): Map<string, string> {
    const folder = this.text(name);
    if (folder === null) return new Map();
    if (!existsSync(folder)) {
      this.faults.push(`${name} names a folder that does not exist: ${folder}`);
      return new Map();
    }
    const files = readdirSync(folder).filter((file) => file.endsWith('.pub.pem'));
    if (files.length === 0) this.faults.push(`${name} holds no *.pub.pem: ${folder}`);
    return new Map(files.map((file) => [file.slice(0, -8), readFileSync(path.join(folder, file), 'utf8')]));
  }
}

const HIGHEST_PORT = 65_535;
const ADMIN_PORT_BESIDE = 10;
/** 7090 beside 7080, so that edges of one machine do not meet; any free one where the bid port is any free one. */
const adminPortBeside = (port: number): number =>
  port === 0 || port + ADMIN_PORT_BESIDE > HIGHEST_PORT ? 0 : port + ADMIN_PORT_BESIDE;

function parseFlags(argv: readonly string[], faults: string[]): Map<string, string> {
  const flags = new Map<string, string>();
  for (let i = 0; i < argv.length; i++) {
    const [name, inline] = argv[i].split('=', 2);
    if (name !== '--snapshot' && name !== '--port' && name !== '--home') {
      faults.push(`unknown argument '${argv[i]}'; known: --snapshot shipped, --port N, --home FOLDER`);
      continue;
    }
    const value = inline ?? argv[++i];
    if (value === undefined) faults.push(`${name} needs a value`);
    else flags.set(name, value);
  }
  return flags;
}

/** Path of a secret: the file that `name` names, or one in the edge's own home, made on first use: only for an edge that runs alone. */
function secretFile(reader: Reader, name: string, alone: boolean, home: string, own: string): string | null {
  const named = reader.text(name);
  if (named !== null) return named;
  if (!alone) reader.faults.push(`${name} is required with CONTROL_PLANE_URL`);
  if (!alone || reader.faults.length > 0) return null;
  const file = path.join(home, 'keys', own);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('hex'), { mode: 0o600 });
  return file;
}

function secrets(reader: Reader, name: string, file: string | null): Buffer[] {
  if (file === null) return [];
  if (!existsSync(file)) {
    reader.faults.push(`${name} names a file that does not exist: ${file}`);
    return [];
  }
  const keys = parseKeyFile(readFileSync(file, 'utf8'));
  if (keys === null) reader.faults.push(`${name} must hold one or two lines of 32 to 128 hex digits`);
  return (keys ?? []).map((key) => Buffer.from(key, 'hex'));
}

/** Files `ID.price-keys` of two lines, encryption key and integrity key in base64 or base64url, as exchanges give them out. */
function priceKeys(reader: Reader, name: string): Map<string, PriceKeys> {
  const folder = reader.text(name);
  const keys = new Map<string, PriceKeys>();
  if (folder === null) return keys;
  if (!existsSync(folder)) {
    reader.faults.push(`${name} names a folder that does not exist: ${folder}`);
    return keys;
  }
  for (const file of readdirSync(folder).filter((entry) => entry.endsWith(PRICE_KEYS))) {
    const [encryption, integrity, ...rest] = readFileSync(path.join(folder, file), 'utf8').trim().split(/\s+/);
    const pair = [encryption, integrity].map((line = '') => Buffer.from(line, 'base64url')) as [Buffer, Buffer];
    if (rest.length > 0 || pair.some((key) => key.length < MIN_PRICE_KEY_BYTES))
      reader.faults.push(`${name}: ${file} must hold two lines of base64, at least ${MIN_PRICE_KEY_BYTES} bytes each`);
    keys.set(file.slice(0, -PRICE_KEYS.length), { encryption: pair[0], integrity: pair[1] });
  }
  return keys;
}
const PRICE_KEYS = '.price-keys';
const MIN_PRICE_KEY_BYTES = 16;

/**
 * Reads flags and environment (`argv` without node and script).
 * @throws ConfigError with every fault found
 */
export function readConfig(argv: readonly string[], env: Env): EdgeConfig {
  const reader = new Reader(env);
  const flags = parseFlags(argv, reader.faults);
  const snapshot = flags.get('--snapshot');
  if (snapshot !== undefined && snapshot !== 'shipped') reader.faults.push("--snapshot knows 'shipped' only");
  const portText = flags.get('--port');
  const port = new Reader({ ...env, EDGE_PORT: portText ?? env.EDGE_PORT });
  const portNumber = port.integer('EDGE_PORT', 7080, 0, HIGHEST_PORT);
  reader.faults.push(...port.faults);
  const controlPlaneUrl = snapshot === 'shipped' ? null : reader.url('CONTROL_PLANE_URL');
  const alone = controlPlaneUrl === null;
  const edgeId = reader.text('EDGE_ID') ?? `edge-${portNumber}`;
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(edgeId)) reader.faults.push('EDGE_ID must match [A-Za-z0-9._-]{1,64}');
  const home = path.resolve(flags.get('--home') ?? reader.text('EDGE_HOME') ?? path.join('.adloop', 'edges', edgeId));
  const snapshotKeys = reader.keys('SNAPSHOT_KEYS_DIR');
  if (!alone && snapshotKeys.size === 0 && reader.text('SNAPSHOT_KEYS_DIR') === null)
    reader.faults.push('SNAPSHOT_KEYS_DIR is required with CONTROL_PLANE_URL');
  const edgeToken = reader.file('EDGE_TOKEN_FILE') ?? '';
  if (!alone && edgeToken === '' && reader.text('EDGE_TOKEN_FILE') === null)
    reader.faults.push('EDGE_TOKEN_FILE is required with CONTROL_PLANE_URL');
  const noticeKeyFile = secretFile(reader, 'NOTICE_KEY_FILE', alone, home, 'notice.key');
  const userHashKeyFile = secretFile(reader, 'USER_HASH_KEY_FILE', alone, home, 'user-hash.key');
  const config: EdgeConfig = {
    edgeId,
    host: reader.text('EDGE_HOST') ?? '127.0.0.1',
    port: portNumber,
    httpServer: reader.choice('EDGE_HTTP_SERVER', HTTP_SERVERS, 'lean'),
    threads: reader.integer('EDGE_THREADS', 1, 1, 64),
    adminHost: reader.text('EDGE_ADMIN_HOST') ?? '127.0.0.1',
    adminPort: reader.integer('EDGE_ADMIN_PORT', adminPortBeside(portNumber), 0, HIGHEST_PORT),
    home,
    fleet: reader.text('FLEET') ?? 'demo',
    source: alone ? 'shipped' : 'control-plane',
    shippedFolder: reader.text('SHIPPED_DIR') ?? path.join(__dirname, '..', 'shipped'),
    controlPlaneUrl,
    edgeToken,
    snapshotKeys,
    operatorKeys: reader.keys('OPERATOR_KEYS_DIR'),
    killFile: reader.text('KILL_FILE'),
    noticeKeys: secrets(reader, 'NOTICE_KEY_FILE', noticeKeyFile),
    noticeKeyFile: noticeKeyFile ?? '',
    priceKeys: priceKeys(reader, 'PRICE_KEYS_DIR'),
    userHashKey: secrets(reader, 'USER_HASH_KEY_FILE', userHashKeyFile)[0] ?? Buffer.alloc(0),
    noticeBaseUrl: reader.url('NOTICE_BASE_URL'),
    heartbeatMs: reader.integer('EDGE_HEARTBEAT_MS', 5000, 50, 60_000),
    reservationTtlMs: reader.integer('EDGE_RESERVATION_TTL_MS', DEFAULT_BID_LIFE.leastMs, 100, 86_400_000),
    longestReservationMs: reader.integer('EDGE_LONGEST_RESERVATION_MS', DEFAULT_BID_LIFE.mostMs, 100, 86_400_000),
    tokenTtlMs: reader.integer('EDGE_TOKEN_TTL_MS', 86_400_000, 1000, 30 * 86_400_000),
    commitEveryMs: reader.integer('EDGE_COMMIT_EVERY_MS', 20, 1, 50),
    sealAfterMs: reader.integer('EDGE_SEAL_AFTER_MS', 1000, 50, 60_000),
    sealAfterBytes: reader.integer('EDGE_SEAL_AFTER_BYTES', 4 << 20, 4096, 64 << 20),
    outboxMaxBytes: reader.integer('EDGE_OUTBOX_MAX_BYTES', 2 ** 32, 65_536, 2 ** 44),
    maxReservations: reader.integer('EDGE_MAX_RESERVATIONS', 200_000, 1, 10_000_000),
    maxCapEntries: reader.integer('EDGE_MAX_CAP_ENTRIES', 500_000, 1, 20_000_000),
    maxNoticeEntries: reader.integer('EDGE_MAX_NOTICE_ENTRIES', 1_000_000, 10, 20_000_000),
    maxUserHistories: reader.integer('EDGE_MAX_USER_HISTORIES', 250_000, 16, 5_000_000),
    redisUrl: reader.redisUrl('EDGE_REDIS_URL'),
    redisPassword: reader.file('EDGE_REDIS_PASSWORD_FILE'),
    redisTimeoutMs: reader.integer('EDGE_REDIS_TIMEOUT_MS', 2, 1, 1000),
    rngStart: reader.integer('EDGE_RNG_START', randomBytes(6).readUIntBE(0, 6), 0, 2 ** 48),
    logLevel: reader.text('LOG_LEVEL') ?? 'info',
  };
  if (reader.faults.length > 0) throw new ConfigError(reader.faults);
  return Object.freeze(config);
}

/** The configuration as it may be printed: keys and tokens only as counts. */
export function redacted(config: EdgeConfig): Record<string, unknown> {
  const { edgeToken, noticeKeys, priceKeys: priced, userHashKey, snapshotKeys, operatorKeys, ...others } = config;
  const { redisUrl, redisPassword, ...open } = others;
  return {
    ...open,
    edgeToken: edgeToken === '' ? 'none' : 'set',
    redisUrl: redisUrl === null ? 'none' : new URL(redisUrl).host,
    redisPassword: redisPassword === null ? 'none' : 'set',
    noticeKeys: noticeKeys.length,
    priceKeys: [...priced.keys()],
    userHashKey: userHashKey.length > 0 ? 'set' : 'none',
    snapshotKeys: [...snapshotKeys.keys()],
    operatorKeys: [...operatorKeys.keys()],
  };
}
