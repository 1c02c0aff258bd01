import { timingSafeEqual } from 'node:crypto';
import { ARMS, attributionSchema, BILLABLE_EVENTS } from '#domain/contracts';
import type { KeyedHash } from '../keyed-hash';
import type { NoticeToken, TokenFault } from './notice-token';
import { sealUser, userKeyOf } from './sealed-user';

/** Fields of a token by when it was signed; only a click's token has the last one. */
const FIELDS = [16, 19, 22, 25, 26];
/** What counted before tokens said so. */
const DEFAULT_WINDOWS = attributionSchema.parse(undefined);

/**
 * Reads a token as edges signed them until decision 038: JSON in base64url, and a MAC of the text. Those that are out are good until they expire, for
 * conversions as long as the longest window after that.
 * @param signed the text before the MAC, whose third part are the fields
 */
export function readTextToken(signed: string, mac: string, key: KeyedHash): NoticeToken | TokenFault {
  // Texts are compared, not bytes: base64url decoding ignores trailing bits, and only the canonical text is ours.
  const expected = Buffer.from(key.mac(signed, 'base64url'));
  const given = Buffer.from(mac);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 'forged';
  const body = signed.slice(signed.lastIndexOf('.') + 1);
  return unpack(JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as unknown[], key) ?? 'malformed';
}

/** Null when an older version of ourselves signed other fields. */
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
    userKey: fields[24] ? userKeyOf(sealUser(String(fields[24]), String(fields[0]), key)) : null,
    clickedAtMs: fields.length > 25 ? Number(fields[25]) : null,
  };
}
