import { hashText } from '#domain/random';
import { NO_LOCK, underLock, type Lock } from '../shared-lock';
import { CounterTable, SLOTS, type CapId } from './counter-table';

const MINUTE_MS = 60_000;
/** Entries looked at for one that has passed when there is no room: the work of one request stays bounded. */
const SWEPT_AT_ONCE = 4096;
const USER_KEY = /^[0-9a-f]{16}$/;
/** What a counter answers when it cannot be kept: more than any cap allows, so that the campaign fails closed. */
export const COUNT_UNKNOWN = Number.MAX_SAFE_INTEGER;

/** What a cap's key says, read once. `id` names it in the table, on every thread alike; `bucketMs` is the width of its buckets. */
interface Cap {
  readonly id: CapId;
  readonly capKey: string;
  readonly windowMs: number;
  readonly bucketMs: number;
}

/** One counter in a checkpoint: the user's two words, and [bucket start ms, count, …]. */
export interface SavedCounter {
  capKey: string;
  low: number;
  high: number;
  pairs: readonly number[];
}

/**
 * Sliding-window counters per (cap, user). A window is cut into 23 buckets and a bucket counts as long as any part of it lies in the
 * window, so a cap is never exceeded, at worst reached a 23rd of its window early. Bounded: when full, some entries are looked at for
 * those that have passed; still full, new pairs are refused (fail closed). Users are told apart by their key's 64 bits.
 */
export class FrequencyCounts {
  /** `capKey` is `${scope}:${id}:${windowMinutes}` (domain/matching): as many as snapshots have named. */
  private readonly capsByKey = new Map<string, Cap>();
  private readonly capsById = new Map<CapId, Cap>();
  private sweptTo = 0;
  /** Of the user asked for last: a decision asks for many caps of one user in a row. */
  private user = '';
  private low = 0;
  private high = 0;

  /** @param table in memory that threads share, changes are made under its lock */
  constructor(
    private readonly maxEntries: number,
    private readonly table = new CounterTable(),
    private readonly lock: Lock = NO_LOCK,
  ) {}

  /** Times a new pair was refused for lack of room. */
  get overflows(): number {
    return this.table.overflows;
  }

  get size(): number {
    return this.table.size;
  }

  /** Impressions of this user under this cap now, reserved ones included. */
  count(capKey: string, userKey: string, nowMs: number): number {
    const cap = this.capOf(capKey);
    const place = this.find(cap, userKey);
    if (place >= 0) return this.countAt(place, cap, nowMs);
    const hasRoom = this.table.size < this.maxEntries || underLock(this.lock, () => this.makeRoom(nowMs));
    return hasRoom ? 0 : COUNT_UNKNOWN;
  }

  /** Takes one exposure under the cap if that keeps it; false otherwise. */
  reserve(capKey: string, userKey: string, maxImpressions: number, nowMs: number): boolean {
    this.lock.acquire();
    try {
      const cap = this.capOf(capKey);
      let place = this.find(cap, userKey);
      if (place < 0 && this.makeRoom(nowMs)) place = this.ensure(cap, userKey);
      if (place < 0 || this.countAt(place, cap, nowMs) >= maxImpressions) return false;
      this.table.addReserved(place, 1);
      return true;
    } finally {
      this.lock.release();
    }
  }

  /** Takes one exposure without asking: for reservations rebuilt after a restart. */
  restore(capKey: string, userKey: string): void {
    underLock(this.lock, () => this.table.addReserved(this.ensure(this.capOf(capKey), userKey), 1));
  }

  release(capKey: string, userKey: string): void {
    underLock(this.lock, () => {
      const place = this.find(this.capOf(capKey), userKey);
      if (place >= 0) this.table.addReserved(place, -1);
    });
  }

  /** The impression happened: counts from now on until the window has passed. Never refused: it is a fact. */
  confirm(capKey: string, userKey: string, atMs: number, wasReserved: boolean): void {
    underLock(this.lock, () => {
      const cap = this.capOf(capKey);
      const place = this.ensure(cap, userKey);
      if (wasReserved) this.table.addReserved(place, -1);
      this.table.add(place, Math.floor(atMs / cap.bucketMs), 1);
    });
  }

  /** As `confirm`, but dropped when there is no room: for soft counts that only discount. */
  confirmIfRoom(capKey: string, userKey: string, atMs: number): void {
    const isKnown = this.find(this.capOf(capKey), userKey) >= 0;
    if (isKnown || underLock(this.lock, () => this.makeRoom(atMs))) this.confirm(capKey, userKey, atMs, false);
  }

  /** Everything confirmed, for a checkpoint; reservations are journalled apart. */
  *dump(nowMs: number): Generator<SavedCounter> {
    const { table } = this;
    for (let place = 0; place < table.length; place += 1) {
      if (!table.isUsed(place)) continue;
      const cap = this.capsById.get(table.capOf(place));
      // Of a cap that only a thread has heard of: its snapshot is on its way here.
      if (cap === undefined) continue;
      const pairs = table.buckets(place, oldestAt(cap, nowMs));
      if (pairs.length === 0) continue;
      for (let at = 0; at < pairs.length; at += 2) pairs[at] *= cap.bucketMs;
      const [low, high] = table.userOf(place);
      yield { capKey: cap.capKey, low, high, pairs };
    }
  }

  load({ capKey, low, high, pairs }: SavedCounter): void {
    const cap = this.capOf(capKey);
    underLock(this.lock, () => {
      const place = this.table.ensure(low, high, cap.id);
      for (let pair = 0; pair + 1 < pairs.length; pair += 2)
        this.table.add(place, Math.floor(pairs[pair] / cap.bucketMs), pairs[pair + 1]);
    });
  }

  /** From a journal that older versions wrote: `key` is the cap's key, `|`, the user's key. */
  loadText(key: string, pairs: readonly number[]): void {
    const at = key.lastIndexOf('|');
    this.readUser(key.slice(at + 1));
    this.load({ capKey: key.slice(0, at), low: this.low, high: this.high, pairs });
  }

  private find(cap: Cap, userKey: string): number {
    this.readUser(userKey);
    return this.table.find(this.low, this.high, cap.id);
  }

  private ensure(cap: Cap, userKey: string): number {
    this.readUser(userKey);
    return this.table.ensure(this.low, this.high, cap.id);
  }

  private capOf(capKey: string): Cap {
    const known = this.capsByKey.get(capKey);
    if (known !== undefined) return known;
    const windowMs = Number(capKey.slice(capKey.lastIndexOf(':') + 1)) * MINUTE_MS;
    // One bucket more than the window has is kept: the one that it is leaving.
    const bucketMs = Math.ceil(windowMs / (SLOTS - 1));
    const cap: Cap = { id: capIdOf(capKey), capKey, windowMs, bucketMs };
    this.capsById.set(cap.id, cap);
    this.capsByKey.set(capKey, cap);
    return cap;
  }

  private readUser(userKey: string): void {
    if (userKey === this.user) return;
    this.user = userKey;
    const isKey = USER_KEY.test(userKey);
    this.high = isKey ? Number.parseInt(userKey.slice(0, 8), 16) | 0 : hashText(userKey) | 0;
    this.low = isKey ? Number.parseInt(userKey.slice(8), 16) | 0 : hashText(userKey, 1) | 0;
  }

  private countAt(place: number, cap: Cap, nowMs: number): number {
    return Math.min(COUNT_UNKNOWN, this.table.reserved(place) + this.table.sum(place, oldestAt(cap, nowMs)));
  }

  /** Whether one more entry fits, after some of those that have passed were taken out. */
  private makeRoom(nowMs: number): boolean {
    if (this.table.size < this.maxEntries) return true;
    this.sweep(nowMs);
    if (this.table.size < this.maxEntries) return true;
    this.table.overflow();
    return false;
  }

  /** Takes entries out that count nothing any more, going on where it stopped the last time. */
  private sweep(nowMs: number): void {
    const { table } = this;
    for (let looked = 0; looked < Math.min(SWEPT_AT_ONCE, table.length); looked += 1) {
      if (this.sweptTo >= table.length) this.sweptTo = 0;
      const place = this.sweptTo;
      const cap = table.isUsed(place) ? this.capsById.get(table.capOf(place)) : undefined;
      const isPassed = cap !== undefined && table.reserved(place) === 0 && table.sum(place, oldestAt(cap, nowMs)) === 0;
      // After a removal another entry may stand in the same place.
      if (isPassed) table.remove(place);
      else this.sweptTo += 1;
    }
  }
}

/** 53 bits of a key's hash; 10,000 caps meet with a chance of one in 10^8, and would then count together. */
const HIGH_BITS = 0x1f_ffff;
const capIdOf = (capKey: string): CapId => (hashText(capKey, 1) & HIGH_BITS) * 2 ** 32 + (hashText(capKey) || 1);

/** The oldest bucket of which a part lies in the window (nowMs − window, nowMs]. */
const oldestAt = (cap: Cap, nowMs: number): number => Math.floor((nowMs - cap.windowMs) / cap.bucketMs);
