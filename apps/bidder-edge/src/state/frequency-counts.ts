import { hashText } from '#domain/random';
import { PresenceFilter } from './presence-filter';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Windows up to here count in minutes, longer ones in hours. */
const FINE_WINDOW_MINUTES = 120;
/** What a counter answers when it cannot be kept: more than any cap allows, so that the campaign fails closed. */
export const COUNT_UNKNOWN = Number.MAX_SAFE_INTEGER;

/** Confirmed impressions as pairs (bucket start, count), oldest first, and reservations still open. */
interface Counter {
  reserved: number;
  buckets: number[];
}

/** What a cap's key says, read once. */
interface Cap {
  windowMinutes: number;
  hash: number;
}

/** Caps remembered by key; those of campaigns that are gone are forgotten with all others. */
const MAX_CAPS = 100_000;

/** `capKey` is `${scope}:${id}:${windowMinutes}` (domain/matching). */
const readCap = (capKey: string): Cap => ({
  windowMinutes: Number(capKey.slice(capKey.lastIndexOf(':') + 1)),
  hash: hashText(capKey),
});
const bucketMsOf = (windowMinutes: number): number => (windowMinutes <= FINE_WINDOW_MINUTES ? MINUTE_MS : HOUR_MS);

/**
 * Sliding-window counters per (cap, user). A bucket counts as long as any part of it lies in the window, so a cap is never
 * exceeded, at worst reached one bucket early. Bounded: when full, a sweep drops empty counters; still full, new pairs are
 * refused (fail closed).
 */
export class FrequencyCounts {
  private readonly counters = new Map<string, Counter>();
  /** Has every pair that `counters` has. */
  private readonly filter: PresenceFilter;
  private readonly capsByKey = new Map<string, Cap>();
  private lastUser = '';
  private lastUserHash = 0;
  /** Times a new pair was refused for lack of room. */
  overflows = 0;
  private sweptAtMs = 0;

  constructor(private readonly maxEntries: number) {
    this.filter = new PresenceFilter(maxEntries);
  }

  get size(): number {
    return this.counters.size;
  }

  /** Impressions of this user under this cap now, reserved ones included. */
  count(capKey: string, userKey: string, nowMs: number): number {
    const counter = this.find(capKey, userKey);
    if (!counter) return this.counters.size < this.maxEntries || this.makeRoom(nowMs) ? 0 : COUNT_UNKNOWN;
    return counter.reserved + confirmed(counter, this.capOf(capKey).windowMinutes, nowMs);
  }

  /** Takes one exposure under the cap if that keeps it; false otherwise. */
  reserve(capKey: string, userKey: string, maxImpressions: number, nowMs: number): boolean {
    if (this.count(capKey, userKey, nowMs) >= maxImpressions) return false;
    this.at(capKey, userKey).reserved += 1;
    return true;
  }

  /** Takes one exposure without asking: for reservations rebuilt after a restart. */
  restore(capKey: string, userKey: string): void {
    this.at(capKey, userKey).reserved += 1;
  }

  release(capKey: string, userKey: string): void {
    const counter = this.find(capKey, userKey);
    if (counter && counter.reserved > 0) counter.reserved -= 1;
  }

  /** The impression happened: counts from now on until the window has passed. Never refused: it is a fact. */
  confirm(capKey: string, userKey: string, atMs: number, wasReserved: boolean): void {
    const counter = this.at(capKey, userKey);
    if (wasReserved && counter.reserved > 0) counter.reserved -= 1;
    const bucketMs = bucketMsOf(this.capOf(capKey).windowMinutes);
    const bucket = Math.floor(atMs / bucketMs) * bucketMs;
    const { buckets } = counter;
    if (buckets.length > 0 && buckets[buckets.length - 2] >= bucket) buckets[buckets.length - 1] += 1;
    else buckets.push(bucket, 1);
  }

  /** As `confirm`, but dropped when there is no room: for soft counts that only discount. */
  confirmIfRoom(capKey: string, userKey: string, atMs: number): void {
    const isKnown = this.find(capKey, userKey) !== undefined;
    if (isKnown || this.counters.size < this.maxEntries || this.makeRoom(atMs))
      this.confirm(capKey, userKey, atMs, false);
  }

  /** Everything confirmed, for a checkpoint: [key, [bucket, count, …]]; reservations are journalled apart. */
  *dump(nowMs: number): Generator<[string, number[]]> {
    for (const [key, counter] of this.counters) {
      if (confirmed(counter, this.capOf(capOfPair(key)).windowMinutes, nowMs) > 0) yield [key, counter.buckets];
    }
  }

  load(key: string, buckets: number[]): void {
    const at = key.lastIndexOf('|');
    this.at(key.slice(0, at), key.slice(at + 1)).buckets = [...buckets];
  }

  private at(capKey: string, userKey: string): Counter {
    const key = `${capKey}|${userKey}`;
    let counter = this.counters.get(key);
    if (!counter) {
      counter = { reserved: 0, buckets: [] };
      this.counters.set(key, counter);
      this.filter.add(this.capOf(capKey).hash, this.userHash(userKey));
    }
    return counter;
  }

  private find(capKey: string, userKey: string): Counter | undefined {
    if (!this.filter.mayHave(this.capOf(capKey).hash, this.userHash(userKey))) return undefined;
    return this.counters.get(`${capKey}|${userKey}`);
  }

  private capOf(capKey: string): Cap {
    let cap = this.capsByKey.get(capKey);
    if (cap === undefined) {
      if (this.capsByKey.size >= MAX_CAPS) this.capsByKey.clear();
      cap = readCap(capKey);
      this.capsByKey.set(capKey, cap);
    }
    return cap;
  }

  /** A decision asks for many caps of one user in a row. */
  private userHash(userKey: string): number {
    if (userKey !== this.lastUser) {
      this.lastUser = userKey;
      this.lastUserHash = hashText(userKey);
    }
    return this.lastUserHash;
  }

  /** Sweeps at most once a second; true when a new pair fits. */
  private makeRoom(nowMs: number): boolean {
    if (Math.abs(nowMs - this.sweptAtMs) >= 1000) {
      this.sweptAtMs = nowMs;
      this.filter.clear();
      for (const [key, counter] of this.counters) {
        const cap = this.capOf(capOfPair(key));
        if (counter.reserved === 0 && confirmed(counter, cap.windowMinutes, nowMs) === 0) this.counters.delete(key);
        else this.filter.add(cap.hash, hashText(key.slice(key.lastIndexOf('|') + 1)));
      }
    }
    if (this.counters.size < this.maxEntries) return true;
    this.overflows += 1;
    return false;
  }
}

const capOfPair = (key: string): string => key.slice(0, key.lastIndexOf('|'));

/** Sum of the buckets that touch the window (nowMs − window, nowMs]; drops those that have passed. */
function confirmed(counter: Counter, windowMinutes: number, nowMs: number): number {
  const { buckets } = counter;
  const bucketMs = bucketMsOf(windowMinutes);
  const from = nowMs - windowMinutes * MINUTE_MS;
  let passed = 0;
  while (passed < buckets.length && buckets[passed] + bucketMs <= from) passed += 2;
  if (passed > 0) buckets.splice(0, passed);
  let sum = 0;
  for (let i = 1; i < buckets.length; i += 2) sum += buckets[i];
  return sum;
}
