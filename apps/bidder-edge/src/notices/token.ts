import { createHash, timingSafeEqual } from 'node:crypto';
import { ARMS, attributionSchema, BILLABLE_EVENTS } from '#domain/contracts';
import type { Arm, AttributionWindows, BillableEvent } from '#domain/contracts';
import { KeyedHash } from '../keyed-hash';

/** Fields under the MAC of one bid's token. */
export interface NoticeToken {
  decisionId: string;
  exchange: string;
  campaignId: string;
  creativeId: string;
  arm: Arm;
  rolloutId: string;
  stage: number;
  /** −1 without a usable id. */
  userBucket: number;
  /** Price bid, CPM micros of the fleet's currency: no notice can cost more. */
  maxMicros: number;
  bidCurrency: string;
  decidedAtMs: number;
  expiresAtMs: number;
  /** Grant that holds the reservation; '' for test bids. */
  grantId: string;
  isTest: boolean;
  /** Realised value of a click and of a conversion, nanos. */
  clickValueNanos: number;
  conversionValueNanos: number;
  /** Whether the user had seen the creative three times in 24 h when the bid was made. */
  isRepeat: boolean;
  /** Of the request, for the segments of a rollout's plan. */
  country: string;
  deviceType: number;
  /** Impressions that one showing counts for; a notice's price is for one of them. */
  quantity: number;
  /** Clicks and conversions may be ascribed to the ad. */
  mayMeasure: boolean;
  /** Which notice bills. */
  billableEvent: BillableEvent;
  /** For how long conversions count. */
  attribution: AttributionWindows;
  /** Of the token that a click hands to the landing page, when the click was heard; null on all others. It is for conversions only. */
  clickedAtMs: number | null;
  /** Whose history the notice belongs to, 16 hex digits; null without a user or consent to a profile. Sealed in the text. */
  userKey: string | null;
}

export type TokenFault = 'malformed' | 'forged' | 'expired';
export type TokenVerdict = { ok: true; token: NoticeToken } | { ok: false; fault: TokenFault };

const VERSION = 'n1';
/** Longest token ever read: longer ones are refused before any cryptography. */
const MAX_CHARS = 2048;
/** Tokens signed before the later fields existed are good until they expire; only a click's token has the last one. */
const FIELDS = [16, 19, 22, 25, 26];
/** What counted before tokens said so. */
const DEFAULT_WINDOWS = attributionSchema.parse(undefined);
const USER_KEY_DIGITS = 16;
const COUNTRY_CHARS = 8;

/** Public name of a key: the first bytes of its hash. */
export const keyIdOf = (key: Buffer): string => createHash('sha256').update(key).digest('hex').slice(0, 8);

/** Signs with the first key and accepts all given keys (rotation with two live keys). HMAC-SHA256, constant-time compare. */
export class NoticeSigner {
  private keys: ReadonlyMap<string, KeyedHash> = new Map();
  private prefix = '';
  private current: KeyedHash;
  /** The live keys themselves, for the other threads of this process. */
  secrets: readonly Buffer[] = [];

  constructor(keys: readonly Buffer[]) {
    this.current = new KeyedHash(keys[0]);
    this.use(keys);
  }

  /** Public names of the live keys, the one that signs first. */
  get keyIds(): string[] {
    return [...this.keys.keys()];
  }

  /** Takes other keys from here on; false when they are the same in the same order. */
  use(keys: readonly Buffer[]): boolean {
    const ids = keys.map(keyIdOf);
    if (ids.join() === this.keyIds.join()) return false;
    this.secrets = keys;
    this.keys = new Map(keys.map((key, at) => [ids[at], new KeyedHash(key)]));
    this.current = new KeyedHash(keys[0]);
    this.prefix = `${VERSION}.${ids[0]}.`;
    return true;
  }

  sign(token: NoticeToken): string {
    const body = this.prefix + Buffer.from(JSON.stringify(pack(token, this.current))).toString('base64url');
    return `${body}.${this.current.digest(body, 'base64url')}`;
  }

  /** @param nowMs null when the age of the token is judged by what it is used for */
  verify(text: string, nowMs: number | null): TokenVerdict {
    const parts = text.length <= MAX_CHARS ? text.split('.') : [];
    if (parts.length !== 4 || parts[0] !== VERSION) return { ok: false, fault: 'malformed' };
    const key = this.keys.get(parts[1]);
    if (!key) return { ok: false, fault: 'forged' };
    // Texts are compared, not bytes: base64url decoding ignores trailing bits, and only the canonical text is ours.
    const expected = Buffer.from(key.digest(text.slice(0, text.lastIndexOf('.')), 'base64url'));
    const given = Buffer.from(parts[3]);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return { ok: false, fault: 'forged' };
    const token = unpack(JSON.parse(Buffer.from(parts[2], 'base64url').toString('utf8')) as unknown[], key);
    if (token === null) return { ok: false, fault: 'malformed' };
    return nowMs !== null && nowMs > token.expiresAtMs ? { ok: false, fault: 'expired' } : { ok: true, token };
  }
}

function pack(token: NoticeToken, key: KeyedHash): unknown[] {
  return [
    token.decisionId,
    token.exchange,
    token.campaignId,
    token.creativeId,
    ARMS.indexOf(token.arm),
    token.rolloutId,
    token.stage,
    token.userBucket,
    token.maxMicros,
    token.bidCurrency,
    token.decidedAtMs,
    token.expiresAtMs,
    token.grantId,
    token.isTest ? 1 : 0,
    token.clickValueNanos,
    token.conversionValueNanos,
    token.isRepeat ? 1 : 0,
    token.country.slice(0, COUNTRY_CHARS),
    token.deviceType,
    token.quantity,
    token.mayMeasure ? 1 : 0,
    BILLABLE_EVENTS.indexOf(token.billableEvent),
    token.attribution.clickMinutes,
    token.attribution.viewMinutes,
    token.userKey === null ? '' : sealUser(token.userKey, token.decisionId, key),
    ...(token.clickedAtMs === null ? [] : [token.clickedAtMs]),
  ];
}

/**
 * The user's key under a pad of this decision's own (HMAC as a pseudo-random function; a decision id is never used twice): exchanges and pages see
 * the token, and must not tell by it who is the same. Its own inverse.
 */
function sealUser(userKey: string, decisionId: string, key: KeyedHash): string {
  const pad = key.digest(`user|${decisionId}`, 'hex');
  let sealed = '';
  for (let at = 0; at < USER_KEY_DIGITS; at += 8) {
    const word = Number.parseInt(userKey.slice(at, at + 8), 16) ^ Number.parseInt(pad.slice(at, at + 8), 16);
    sealed += (word >>> 0).toString(16).padStart(8, '0');
  }
  return sealed;
}

/** Null when an older or newer version of ourselves signed other fields. */
function unpack(fields: unknown[], key: KeyedHash): NoticeToken | null {
  const arm = ARMS[Number(fields[4])];
  if (!Array.isArray(fields) || !FIELDS.includes(fields.length) || arm === undefined) return null;
  return {
    decisionId: String(fields[0]),
    exchange: String(fields[1]),
    campaignId: String(fields[2]),
    creativeId: String(fields[3]),
    arm,
    rolloutId: String(fields[5]),
    stage: Number(fields[6]),
    userBucket: Number(fields[7]),
    maxMicros: Number(fields[8]),
    bidCurrency: String(fields[9]),
    decidedAtMs: Number(fields[10]),
    expiresAtMs: Number(fields[11]),
    grantId: String(fields[12]),
    isTest: fields[13] === 1,
    clickValueNanos: Number(fields[14]),
    conversionValueNanos: Number(fields[15]),
    isRepeat: fields[16] === 1,
    country: String(fields[17] ?? ''),
    deviceType: Number(fields[18] ?? 0),
    quantity: Number(fields[19] ?? 1),
    mayMeasure: (fields[20] ?? 1) === 1,
    billableEvent: BILLABLE_EVENTS[Number(fields[21] ?? 0)] ?? 'burl',
    attribution: {
      clickMinutes: Number(fields[22] ?? DEFAULT_WINDOWS.clickMinutes),
      viewMinutes: Number(fields[23] ?? DEFAULT_WINDOWS.viewMinutes),
    },
    userKey: fields[24] ? sealUser(String(fields[24]), String(fields[0]), key) : null,
    clickedAtMs: fields.length > 25 ? Number(fields[25]) : null,
  };
}
