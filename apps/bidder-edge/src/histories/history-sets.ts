import { mix32 } from '#domain/random';
import { giveWord, takeWord } from '../shared-lock';

/** Users that share one set; all of a user's work stays inside it. */
export const WAYS = 16;
/** A holder is done within microseconds unless the system took its core away; after so long it counts as dead. */
const PATIENCE_MS = 100;

/** Words of a set's head: the lock, one to align, and up to when events of its users were given up (a float of two words). */
const HEAD_WORDS = 4;
/** Times held per user, newest first to stay: more than counts say (domain/features), so that those of the very moment push none out. */
export const HELD_EXPOSURES = 40;
export const HELD_CLICKS = 12;
const TIMES = HELD_EXPOSURES + HELD_CLICKS;
/** Words of a user: counts of exposures and clicks, two floats (newest event, given up up to), times as 32 bits of milliseconds. */
const COUNTS = 0;
const NEWEST = 2;
const FORGOTTEN = 4;
const FIRST_TIME = 6;
const USER_WORDS = FIRST_TIME + TIMES;
const KEY_WORDS = WAYS * 2;
const SET_WORDS = HEAD_WORDS + KEY_WORDS + WAYS * USER_WORDS;

/** Bytes for so many users, in whole sets. */
export const historyBytes = (maxUsers: number): number => setsFor(maxUsers) * SET_WORDS * 4;
const setsFor = (maxUsers: number): number => Math.max(1, Math.ceil(maxUsers / WAYS));

/** Place of one user: words from which its key and its history begin. */
export interface Place {
  key: number;
  user: number;
}

/**
 * The memory of histories: sets of 16 users, found by the user's hash, each with a lock of its own. It lies in whatever buffer it is given: one that
 * threads share is locked set by set. No allocation after construction, except that pages of the buffer are first touched when users come.
 */
export class HistorySets {
  readonly sets: number;
  private readonly words: Int32Array;
  private readonly floats: Float64Array;
  private readonly isShared: boolean;
  /** Locks taken from an owner that did not give them back: its thread died inside. */
  taken = 0;

  /** @param buffer of `historyBytes(maxUsers)`, zeroed or used by other threads already */
  constructor(buffer: ArrayBufferLike, maxUsers: number) {
    this.sets = setsFor(maxUsers);
    this.words = new Int32Array(buffer);
    this.floats = new Float64Array(buffer);
    this.isShared = typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer;
  }

  /** First word of the set of a user. */
  setOf(low: number, high: number): number {
    // The key is a hash already, but of a form that outsiders may choose in tests.
    const h = mix32(low ^ Math.imul(high, 0x9e3779b1));
    return Math.floor((h / 2 ** 32) * this.sets) * SET_WORDS;
  }

  setAt(index: number): number {
    return index * SET_WORDS;
  }

  lock(set: number): void {
    // What an owner that died left half done is a feature of at most one user.
    if (this.isShared && !takeWord(this.words, set, PATIENCE_MS)) this.taken += 1;
  }

  unlock(set: number): void {
    if (this.isShared) giveWord(this.words, set);
  }

  /** Fills `place` with the way of a set. */
  wayOf(set: number, way: number, place: Place): void {
    place.key = set + HEAD_WORDS + way * 2;
    place.user = set + HEAD_WORDS + KEY_WORDS + way * USER_WORDS;
  }

  /** Fills `place` with a user's; false when the set does not hold the user. */
  find(set: number, low: number, high: number, place: Place): boolean {
    const { words } = this;
    const first = set + HEAD_WORDS;
    for (let way = 0; way < WAYS; way += 1) {
      const key = first + way * 2;
      if (words[key] !== low || words[key + 1] !== high) continue;
      this.wayOf(set, way, place);
      if (words[place.user + COUNTS] !== 0) return true;
    }
    return false;
  }

  isUsed({ user }: Place): boolean {
    return this.words[user + COUNTS] !== 0;
  }

  low({ key }: Place): number {
    return this.words[key];
  }

  high({ key }: Place): number {
    return this.words[key + 1];
  }

  exposures({ user }: Place): number {
    return this.words[user + COUNTS] & 0xffff;
  }

  clicks({ user }: Place): number {
    return this.words[user + COUNTS] >>> 16;
  }

  /** The user's newest event, epoch ms. */
  newestMs({ user }: Place): number {
    return this.floats[(user + NEWEST) >> 1];
  }

  /** Events of the user up to here may be missing, epoch ms; −1: none is. */
  forgottenUpToMs({ user }: Place): number {
    return this.floats[(user + FORGOTTEN) >> 1];
  }

  setForgotten({ user }: Place, upToMs: number): void {
    this.floats[(user + FORGOTTEN) >> 1] = upToMs;
  }

  /** Events of users that the set does not hold any more may be as young as this, epoch ms; 0: none was given up. */
  setForgottenUpToMs(set: number): number {
    return this.floats[(set + 2) >> 1];
  }

  setSetForgotten(set: number, upToMs: number): void {
    this.floats[(set + 2) >> 1] = upToMs;
  }

  /**
   * Writes times of events, epoch ms, to the start of `into`.
   * @param first of exposures 0, of clicks `HELD_EXPOSURES`
   */
  copyTimes({ user }: Place, first: number, count: number, into: Float64Array): void {
    const { words } = this;
    const newestMs = this.floats[(user + NEWEST) >> 1];
    // Kept as the low 32 bits: 49 days, and nothing held is older than 7 days before the newest.
    const newest = lowBits(newestMs);
    const from = user + FIRST_TIME + first;
    for (let at = 0; at < count; at += 1) into[at] = newestMs - ((newest - words[from + at]) >>> 0);
  }

  /** Drops times that lie `ttlMs` or more before `atMs`, which is no older than the newest. @returns how many stay */
  dropPassed({ user }: Place, first: number, count: number, atMs: number, ttlMs: number): number {
    const { words } = this;
    const now = lowBits(atMs);
    const from = user + FIRST_TIME + first;
    let kept = from;
    for (let at = from; at < from + count; at += 1) if ((now - words[at]) >>> 0 < ttlMs) words[kept++] = words[at];
    return kept - from;
  }

  /** Where the oldest of so many times stands, -1 when none is older than `atMs`, which is within the 7 days before the newest or newer. */
  oldest({ user }: Place, first: number, count: number, atMs: number): number {
    const { words } = this;
    // Ages against the newest of all, the event itself included.
    const ref = lowBits(Math.max(atMs, this.floats[(user + NEWEST) >> 1]));
    const from = user + FIRST_TIME + first;
    let oldest = -1;
    let oldestAge = (ref - lowBits(atMs)) >>> 0;
    for (let at = 0; at < count; at += 1) {
      const age = (ref - words[from + at]) >>> 0;
      if (age <= oldestAge) continue;
      oldestAge = age;
      oldest = at;
    }
    return oldest;
  }

  setTime({ user }: Place, at: number, atMs: number): void {
    this.words[user + FIRST_TIME + at] = lowBits(atMs);
  }

  setCounts({ user }: Place, exposures: number, clicks: number): void {
    this.words[user + COUNTS] = (clicks << 16) | exposures;
  }

  setNewest({ user }: Place, atMs: number): void {
    this.floats[(user + NEWEST) >> 1] = atMs;
  }

  /** Makes the place this user's, without events; its history is `forgotten` as far as the set's. */
  claim(set: number, place: Place, low: number, high: number, forgottenUpToMs: number): void {
    this.words[place.key] = low;
    this.words[place.key + 1] = high;
    this.setCounts(place, 0, 0);
    this.setNewest(place, 0);
    this.setForgotten(place, forgottenUpToMs);
  }

  clear(place: Place): void {
    this.setCounts(place, 0, 0);
  }
}

const lowBits = (ms: number): number => (ms % 4_294_967_296) | 0;
