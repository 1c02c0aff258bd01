import { mix32 } from '#domain/random';

/** Buckets that one counter keeps. */
export const SLOTS = 24;
const MAX_COUNT = 65_535;

// Words of one entry: the pair, impressions reserved, number of the newest bucket, then the buckets' counts as 16-bit numbers.
const USER_LOW = 0;
const USER_HIGH = 1;
/** 0 in an empty place. */
const CAP = 2;
const RESERVED = 3;
const NEWEST = 4;
const CAP_HIGH = 5;
const COUNTS = 6;
const WORDS = COUNTS + SLOTS / 2;

/** Before the entries: how many there are, and how many found no room. */
const HEAD = 2;
const FIRST_PLACES = 1024;
const MAX_LOAD = 0.75;
const GROWTH = 1.5;

const wordsOf = (places: number): number => HEAD + places * WORDS;

/** Bytes of a table that holds so many entries without growing. */
export const bytesOfCounters = (entries: number): number =>
  wordsOf(Math.ceil(entries / MAX_LOAD) + 1) * Int32Array.BYTES_PER_ELEMENT;

/** Identity of a cap: 53 bits, so that a number holds it; its lower 32 are not 0. */
export type CapId = number;
const LOW = 2 ** 32;

/**
 * Counters by (user, cap) in one typed array: 72 bytes each where a map of objects takes 350, and nothing for the collector. Open addressing
 * with linear probing; an entry that goes is filled up from behind, so that there are no graves (Knuth, TAOCP vol. 3, 6.4, algorithm R).
 * An entry is named by its place until the table is next changed. In memory that threads share, whoever changes it holds a lock, and it does
 * not grow: a reader without the lock may miss an entry that is just being moved.
 */
export class CounterTable {
  private places: number;
  private words: Int32Array;
  private counts: Uint16Array;

  constructor(private readonly shared?: SharedArrayBuffer) {
    this.words = shared ? new Int32Array(shared) : new Int32Array(wordsOf(FIRST_PLACES));
    this.counts = new Uint16Array(this.words.buffer);
    this.places = Math.floor((this.words.length - HEAD) / WORDS);
  }

  get size(): number {
    return this.words[0];
  }

  /** Pairs that found no room. */
  get overflows(): number {
    return this.words[1];
  }

  overflow(): void {
    this.words[1] += 1;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.words.byteLength;
  }

  /** Places that `isUsed` may be asked for. */
  get length(): number {
    return this.places;
  }

  /** Place of a pair, −1 when it is not there. */
  find(low: number, high: number, cap: CapId): number {
    const { words, places } = this;
    const capLow = cap | 0;
    for (let place = this.homeOf(low, high, capLow); ; place = place + 1 === places ? 0 : place + 1) {
      const at = HEAD + place * WORDS;
      if (words[at + CAP] === 0) return -1;
      if (words[at + CAP] !== capLow || words[at] !== low || words[at + USER_HIGH] !== high) continue;
      if (words[at + CAP_HIGH] === Math.floor(cap / LOW)) return place;
    }
  }

  /** Place of a pair, made when it is not there. */
  ensure(low: number, high: number, cap: CapId): number {
    const known = this.find(low, high, cap);
    if (known >= 0) return known;
    if (this.size + 1 > this.places * MAX_LOAD) this.grow();
    this.words[0] += 1;
    return this.insert(low, high, cap | 0, Math.floor(cap / LOW));
  }

  isUsed(place: number): boolean {
    return this.words[HEAD + place * WORDS + CAP] !== 0;
  }

  capOf(place: number): CapId {
    const at = HEAD + place * WORDS;
    return this.words[at + CAP_HIGH] * LOW + (this.words[at + CAP] >>> 0);
  }

  /** The user's two words, as they were given. */
  userOf(place: number): [low: number, high: number] {
    const at = HEAD + place * WORDS;
    return [this.words[at + USER_LOW], this.words[at + USER_HIGH]];
  }

  reserved(place: number): number {
    return this.words[HEAD + place * WORDS + RESERVED];
  }

  /** Never below 0. */
  addReserved(place: number, change: number): void {
    const at = HEAD + place * WORDS + RESERVED;
    this.words[at] = Math.max(0, this.words[at] + change);
  }

  /**
   * Counts `times` impressions in a bucket. One that is older than all that are kept counts in the oldest; in one that is full they stay as
   * many as it can say.
   */
  add(place: number, bucket: number, times: number): void {
    const { words, counts } = this;
    const at = HEAD + place * WORDS;
    const first = (at + COUNTS) * 2;
    if (this.isEmpty(first)) words[at + NEWEST] = bucket;
    for (let newest = words[at + NEWEST]; newest < bucket;) {
      // Buckets between the newest and this one have seen nothing.
      newest = Math.max(0, newest + 1, bucket - SLOTS + 1);
      counts[first + (newest % SLOTS)] = 0;
      words[at + NEWEST] = newest;
    }
    const kept = Math.max(0, bucket, words[at + NEWEST] - SLOTS + 1);
    const slot = first + (kept % SLOTS);
    counts[slot] = Math.min(MAX_COUNT, counts[slot] + times);
  }

  /** Impressions in buckets from `oldest` on. @returns Infinity when a bucket holds more than can be told */
  sum(place: number, oldest: number): number {
    const { words, counts } = this;
    const at = HEAD + place * WORDS;
    const first = (at + COUNTS) * 2;
    const newest = words[at + NEWEST];
    let sum = 0;
    for (let bucket = Math.max(0, oldest, newest - SLOTS + 1); bucket <= newest; bucket += 1) {
      const count = counts[first + (bucket % SLOTS)];
      if (count === MAX_COUNT) return Number.POSITIVE_INFINITY;
      sum += count;
    }
    return sum;
  }

  /** Buckets with impressions from `oldest` on as [bucket, count, …], oldest first. */
  buckets(place: number, oldest: number): number[] {
    const at = HEAD + place * WORDS;
    const newest = this.words[at + NEWEST];
    const pairs: number[] = [];
    for (let bucket = Math.max(0, oldest, newest - SLOTS + 1); bucket <= newest; bucket += 1) {
      const count = this.counts[(at + COUNTS) * 2 + (bucket % SLOTS)];
      if (count > 0) pairs.push(bucket, count);
    }
    return pairs;
  }

  /** Takes an entry out; another one may stand in its place afterwards. */
  remove(place: number): void {
    const { words, places } = this;
    words[0] -= 1;
    let hole = place;
    for (let next = place; ;) {
      next = next + 1 === places ? 0 : next + 1;
      const at = HEAD + next * WORDS;
      if (words[at + CAP] === 0) break;
      const home = this.homeOf(words[at], words[at + USER_HIGH], words[at + CAP]);
      // An entry may move back to the hole unless its home lies behind it.
      const isBetween = hole <= next ? hole < home && home <= next : hole < home || home <= next;
      if (isBetween) continue;
      words.copyWithin(HEAD + hole * WORDS, at, at + WORDS);
      hole = next;
    }
    words.fill(0, HEAD + hole * WORDS, HEAD + (hole + 1) * WORDS);
  }

  private isEmpty(first: number): boolean {
    for (let slot = first; slot < first + SLOTS; slot += 1) if (this.counts[slot] !== 0) return false;
    return true;
  }

  private insert(low: number, high: number, capLow: number, capHigh: number): number {
    const { words, places } = this;
    let place = this.homeOf(low, high, capLow);
    while (words[HEAD + place * WORDS + CAP] !== 0) place = place + 1 === places ? 0 : place + 1;
    const at = HEAD + place * WORDS;
    words[at] = low;
    words[at + USER_HIGH] = high;
    words[at + CAP] = capLow;
    words[at + CAP_HIGH] = capHigh;
    return place;
  }

  private grow(): void {
    if (this.shared) throw new Error(`no room for more than ${this.size} counters`);
    const { words: old, places } = this;
    this.places = Math.ceil(places * GROWTH);
    this.words = new Int32Array(wordsOf(this.places));
    this.words.set(old.subarray(0, HEAD));
    this.counts = new Uint16Array(this.words.buffer);
    for (let at = HEAD; at < old.length; at += WORDS) {
      if (old[at + CAP] === 0) continue;
      const place = this.insert(old[at], old[at + USER_HIGH], old[at + CAP], old[at + CAP_HIGH]);
      this.words.set(old.subarray(at, at + WORDS), HEAD + place * WORDS);
    }
  }

  /** Finaliser of MurmurHash3 over the pair, spread over all places. */
  private homeOf(low: number, high: number, capLow: number): number {
    const h = mix32(low ^ Math.imul(high, 0x9e3779b1) ^ Math.imul(capLow, 0x85ebca77));
    return Math.floor((h / 2 ** 32) * this.places);
  }
}
