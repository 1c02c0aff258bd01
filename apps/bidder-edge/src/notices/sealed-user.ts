import type { KeyedHash } from '../keyed-hash';

/** Digits of a word of 32 bits; a user's key has two. */
const WORD_DIGITS = 8;

/**
 * The two words of a user's key under a pad of this decision's own (HMAC as a pseudo-random function; a decision id is never used twice): exchanges
 * and pages see the token, and must not tell by it who is the same. Its own inverse.
 * @param userKey 16 hex digits, sealed or not
 */
export function sealUser(userKey: string, decisionId: string, key: KeyedHash): [high: number, low: number] {
  const pad = key.mac(`user|${decisionId}`, 'hex');
  return [(wordOf(userKey, 0) ^ wordOf(pad, 0)) >>> 0, (wordOf(userKey, 1) ^ wordOf(pad, 1)) >>> 0];
}

const wordOf = (digits: string, at: number): number =>
  Number.parseInt(digits.slice(at * WORD_DIGITS, (at + 1) * WORD_DIGITS), 16);

/** A user's key by its two words. */
export const userKeyOf = (words: readonly number[]): string =>
  words.map((word) => word.toString(16).padStart(WORD_DIGITS, '0')).join('');
