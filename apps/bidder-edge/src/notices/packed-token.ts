import { ARMS, BILLABLE_EVENTS, ByteReader, ByteWriter, entryOf } from '#domain/contracts';
import type { KeyedHash } from '../keyed-hash';
import type { NoticeToken } from './notice-token';
import { sealUser, userKeyOf } from './sealed-user';

/** First byte under a token's MAC: what else a key signs begins with a letter. */
const FORMAT = 2;
/** Bytes of HMAC-SHA256 that are kept: half of them, as RFC 2104 allows, and 2^128 guesses. */
export const MAC_BYTES = 16;
const COUNTRY_CHARS = 8;
const [IS_TEST, IS_REPEAT, MAY_MEASURE, HAS_USER, WAS_CLICKED] = [1, 2, 4, 8, 16];

/** Scratch of this module: a token becomes text before the next one is packed. */
const writer = new ByteWriter();

/** A token's fields and their MAC. The bytes are good until the next call. */
export function packToken(token: NoticeToken, key: KeyedHash): Uint8Array {
  writer.clear();
  writer.byte(FORMAT);
  writer.byte(flagsOf(token));
  writer.byte(ARMS.indexOf(token.arm));
  writer.byte(BILLABLE_EVENTS.indexOf(token.billableEvent));
  for (const text of [token.decisionId, token.exchange, token.campaignId, token.creativeId, token.grantId])
    writer.text(text);
  writer.text(token.rolloutId);
  // Both are -1 where there is none.
  writer.number(token.stage + 1);
  writer.number(token.userBucket + 1);
  writer.number(token.maxMicros);
  writer.text(token.bidCurrency);
  writer.number(token.decidedAtMs);
  writer.number(token.expiresAtMs - token.decidedAtMs);
  writer.number(token.clickValueNanos);
  writer.number(token.conversionValueNanos);
  writer.text(token.country.slice(0, COUNTRY_CHARS));
  writer.number(token.deviceType);
  writer.number(token.quantity);
  writer.number(token.attribution.clickMinutes);
  writer.number(token.attribution.viewMinutes);
  if (token.userKey !== null) for (const word of sealUser(token.userKey, token.decisionId, key)) writer.whole(word);
  if (token.clickedAtMs !== null) writer.number(token.clickedAtMs);
  const mac = key.mac(writer.written(), 'latin1');
  for (let at = 0; at < MAC_BYTES; at += 1) writer.byte(mac.charCodeAt(at));
  return writer.written();
}

const flagsOf = (token: NoticeToken): number =>
  (token.isTest ? IS_TEST : 0) +
  (token.isRepeat ? IS_REPEAT : 0) +
  (token.mayMeasure ? MAY_MEASURE : 0) +
  (token.userKey === null ? 0 : HAS_USER) +
  (token.clickedAtMs === null ? 0 : WAS_CLICKED);

/**
 * The token of fields whose MAC was right.
 * @throws RangeError or TypeError when another version of ourselves signed other fields
 */
export function unpackToken(fields: Uint8Array, key: KeyedHash): NoticeToken {
  const reader = new ByteReader(fields);
  if (reader.byte() !== FORMAT) throw new RangeError('a token of another format');
  const flags = reader.byte();
  const arm = entryOf(ARMS, reader.byte());
  const billableEvent = entryOf(BILLABLE_EVENTS, reader.byte());
  const decisionId = reader.text();
  const named = {
    exchange: reader.text(),
    campaignId: reader.text(),
    creativeId: reader.text(),
    grantId: reader.text(),
  };
  const rollout = { rolloutId: reader.text(), stage: reader.number() - 1, userBucket: reader.number() - 1 };
  const price = { maxMicros: reader.number(), bidCurrency: reader.text() };
  const decidedAtMs = reader.number();
  const token: NoticeToken = {
    ...{ decisionId, arm, billableEvent, decidedAtMs, ...named, ...rollout, ...price },
    expiresAtMs: decidedAtMs + reader.number(),
    clickValueNanos: reader.number(),
    conversionValueNanos: reader.number(),
    country: reader.text(),
    deviceType: reader.number(),
    quantity: reader.number(),
    attribution: { clickMinutes: reader.number(), viewMinutes: reader.number() },
    isTest: (flags & IS_TEST) !== 0,
    isRepeat: (flags & IS_REPEAT) !== 0,
    mayMeasure: (flags & MAY_MEASURE) !== 0,
    userKey: (flags & HAS_USER) === 0 ? null : openUser([reader.whole(), reader.whole()], decisionId, key),
    clickedAtMs: (flags & WAS_CLICKED) === 0 ? null : reader.number(),
  };
  if (!reader.isAtEnd) throw new RangeError('a token is too long');
  return token;
}

const openUser = (sealed: readonly number[], decisionId: string, key: KeyedHash): string =>
  userKeyOf(sealUser(userKeyOf(sealed), decisionId, key));
