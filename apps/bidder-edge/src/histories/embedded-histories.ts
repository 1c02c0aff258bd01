import type { UserFeatures } from '#domain/contracts';
import { HISTORY_TTL_MS, NO_VALUES, userValues, type UserEvent, type UserEventKind } from '#domain/features';
import { hashText } from '#domain/random';
import { Gauge } from '../metrics';
import { HELD_CLICKS, HELD_EXPOSURES, historyBytes, HistorySets, WAYS, type Place } from './history-sets';
import type { SavedGap, SavedHistory, UserHistories } from './user-histories';

const KEY_DIGITS = 16;
const NEVER = -1;
const FIRST: Record<UserEventKind, number> = { exposure: 0, click: HELD_EXPOSURES };
const HELD: Record<UserEventKind, number> = { exposure: HELD_EXPOSURES, click: HELD_CLICKS };

/**
 * Histories in this process's memory, or in memory that its threads share. Bounded: a user comes into a set of 16, in the place of one whose
 * last event is 7 days old, else of the one whose last event is the oldest. That one's features, should it come back, are `forgotten` and not zero until
 * 7 days have passed; so are those of users whom a set that has given somebody up does not know. Room for twice the users of 7 days gives up next to none.
 */
export class EmbeddedHistories implements UserHistories {
  readonly scope = 'edge';
  readonly limitMs = 0;
  private readonly sets: HistorySets;
  private readonly place: Place = { key: 0, user: 0 };
  private readonly other: Place = { key: 0, user: 0 };
  private readonly exposuresMs = new Float64Array(HELD_EXPOSURES);
  private readonly clicksMs = new Float64Array(HELD_CLICKS);
  /** Of the user asked for last. */
  private user = '';
  private low = 0;
  private high = 0;
  /** Users given up for lack of room although a feature still counted them. */
  evictions = 0;
  /** Users held, those included whose features have passed. */
  size = 0;
  /** Events by user since the dump that is under way began; null without one. */
  private since: Map<string, UserEvent[]> | null = null;

  /** @param buffer of `historyBytes(maxUsers)`; its own when absent */
  constructor(maxUsers: number, buffer: ArrayBufferLike = new ArrayBuffer(historyBytes(maxUsers))) {
    this.sets = new HistorySets(buffer, maxUsers);
  }

  read(userKey: string, nowMs: number): UserFeatures {
    this.readUser(userKey);
    const { sets, place, exposuresMs, clicksMs } = this;
    const set = sets.setOf(this.low, this.high);
    sets.lock(set);
    const isFound = sets.find(set, this.low, this.high, place);
    const forgottenUpToMs = isFound ? sets.forgottenUpToMs(place) : forgottenBy(sets, set);
    const exposures = isFound ? sets.exposures(place) : 0;
    const clicks = isFound ? sets.clicks(place) : 0;
    if (isFound) {
      sets.copyTimes(place, FIRST.exposure, exposures, exposuresMs);
      sets.copyTimes(place, FIRST.click, clicks, clicksMs);
    }
    sets.unlock(set);
    if (forgottenUpToMs > nowMs - HISTORY_TTL_MS) return NO_VALUES.edge.forgotten;
    return { state: 'known', scope: 'edge', values: userValues(exposuresMs, exposures, clicksMs, clicks, nowMs) };
  }

  note(event: UserEvent): void {
    const { kind, userKey, atMs } = event;
    this.readUser(userKey);
    const { sets, place } = this;
    const set = sets.setOf(this.low, this.high);
    sets.lock(set);
    if (!sets.find(set, this.low, this.high, place)) this.makeRoom(set, atMs);
    this.add(kind, atMs);
    sets.unlock(set);
    if (this.since === null) return;
    const events = this.since.get(userKey);
    if (events === undefined) this.since.set(userKey, [event]);
    else events.push(event);
  }

  restore(event: UserEvent): void {
    this.note(event);
  }

  *dump(nowMs: number): Generator<SavedHistory | SavedGap> {
    const { sets } = this;
    this.since = new Map();
    try {
      for (let index = 0; index < sets.sets; index += 1) {
        const set = sets.setAt(index);
        yield* this.usersOf(set, nowMs);
        // After its users: who is loaded after a gap may be of those that were given up.
        const forgottenUpToMs = forgottenBy(sets, set);
        if (forgottenUpToMs > nowMs - HISTORY_TTL_MS) yield { stretch: index, stretches: sets.sets, forgottenUpToMs };
      }
    } finally {
      this.since = null;
    }
  }

  load(saved: SavedHistory | SavedGap): void {
    if ('stretch' in saved) return this.loadGap(saved);
    const { userKey, exposuresMs, clicksMs, forgottenUpToMs } = saved;
    for (const atMs of exposuresMs) this.note({ kind: 'exposure', userKey, atMs, eventId: '' });
    for (const atMs of clicksMs) this.note({ kind: 'click', userKey, atMs, eventId: '' });
    const { sets, place } = this;
    this.readUser(userKey);
    if (!sets.find(sets.setOf(this.low, this.high), this.low, this.high, place)) return;
    sets.setForgotten(place, Math.max(forgottenUpToMs, sets.forgottenUpToMs(place)));
  }

  /** A store of another size finds its users elsewhere: then the gap may be anywhere. */
  private loadGap({ stretch, stretches, forgottenUpToMs }: SavedGap): void {
    const { sets } = this;
    const isSame = stretches === sets.sets;
    for (let index = isSame ? stretch : 0; index < (isSame ? stretch + 1 : sets.sets); index += 1) {
      const set = sets.setAt(index);
      sets.setSetForgotten(set, Math.max(forgottenUpToMs, sets.setForgottenUpToMs(set)));
    }
  }

  private usersOf(set: number, nowMs: number): SavedHistory[] {
    const { sets } = this;
    const place: Place = { key: 0, user: 0 };
    const users: SavedHistory[] = [];
    sets.lock(set);
    for (let way = 0; way < WAYS; way += 1) {
      sets.wayOf(set, way, place);
      if (sets.isUsed(place) && sets.newestMs(place) > nowMs - HISTORY_TTL_MS) users.push(this.saved(place));
    }
    sets.unlock(set);
    return users;
  }

  gauges(): Gauge[] {
    return [
      new Gauge('adloop_edge_user_histories', 'Users whose past is in memory.', () => this.size),
      new Gauge('adloop_edge_user_histories_evicted', 'Users given up for lack of room.', () => this.evictions),
    ];
  }

  start(): void {}

  stop(): Promise<void> {
    return Promise.resolve();
  }

  private saved(place: Place): SavedHistory {
    const { sets } = this;
    const times = (kind: UserEventKind, count: number): number[] => {
      const timesMs = new Float64Array(count);
      sets.copyTimes(place, FIRST[kind], count, timesMs);
      return Array.from(timesMs);
    };
    const userKey = `${hexOf(sets.high(place))}${hexOf(sets.low(place))}`;
    const saved: SavedHistory = {
      userKey,
      exposuresMs: times('exposure', sets.exposures(place)),
      clicksMs: times('click', sets.clicks(place)),
      forgottenUpToMs: sets.forgottenUpToMs(place),
    };
    for (const { kind, atMs } of this.since?.get(userKey) ?? [])
      takeOut(kind === 'exposure' ? saved.exposuresMs : saved.clicksMs, atMs);
    return saved;
  }

  /** Points `place` at a place of the set for the user: an empty one, or that of the user whose last event is the oldest. */
  private makeRoom(set: number, nowMs: number): void {
    const { sets, place, other } = this;
    let oldestMs = Number.POSITIVE_INFINITY;
    for (let way = 0; way < WAYS && oldestMs >= 0; way += 1) {
      sets.wayOf(set, way, other);
      const newestMs = sets.isUsed(other) ? sets.newestMs(other) : NEVER;
      if (newestMs >= oldestMs) continue;
      oldestMs = newestMs;
      [place.key, place.user] = [other.key, other.user];
    }
    if (oldestMs === NEVER) this.size += 1;
    if (oldestMs > nowMs - HISTORY_TTL_MS) {
      this.evictions += 1;
      sets.setSetForgotten(set, Math.max(oldestMs, sets.setForgottenUpToMs(set)));
    }
    sets.claim(set, place, this.low, this.high, forgottenBy(sets, set));
  }

  /** Adds an event to the history at `place`; where there is no room, in the place of the oldest of its kind. */
  private add(kind: UserEventKind, atMs: number): void {
    const { sets, place } = this;
    const newestMs = sets.newestMs(place);
    // So long before what is known already: the clock was wrong then, and what it stamped is worth nothing.
    if (atMs < newestMs - HISTORY_TTL_MS) sets.setCounts(place, 0, 0);
    else if (atMs > newestMs) this.prune(atMs);
    const isFirst = !sets.isUsed(place);
    if (isFirst || atMs > newestMs) sets.setNewest(place, atMs);
    const count = kind === 'exposure' ? sets.exposures(place) : sets.clicks(place);
    const at = count < HELD[kind] ? count : sets.oldest(place, FIRST[kind], count, atMs);
    if (at < 0) return;
    sets.setTime(place, FIRST[kind] + at, atMs);
    if (count === HELD[kind]) return;
    const isExposure = kind === 'exposure';
    sets.setCounts(place, sets.exposures(place) + Number(isExposure), sets.clicks(place) + Number(!isExposure));
  }

  /** Drops what is 7 days older than a new event: its time could not be told from a young one for ever. */
  private prune(atMs: number): void {
    const { sets, place } = this;
    if (!sets.isUsed(place)) return;
    // After so long without any event nothing is left, and 32 bits may say anything.
    const isOver = atMs - sets.newestMs(place) >= HISTORY_TTL_MS;
    const kept = (kind: UserEventKind, count: number): number =>
      isOver ? 0 : sets.dropPassed(place, FIRST[kind], count, atMs, HISTORY_TTL_MS);
    const exposures = kept('exposure', sets.exposures(place));
    sets.setCounts(place, exposures, kept('click', sets.clicks(place)));
  }

  /** 16 digits by hand: two calls of parseInt and a pattern cost more than the rest of a lookup. */
  private readUser(userKey: string): void {
    if (userKey === this.user) return;
    this.user = userKey;
    let high = 0;
    let low = 0;
    let isKey = userKey.length === KEY_DIGITS;
    for (let at = 0; at < KEY_DIGITS && isKey; at += 1) {
      const code = userKey.charCodeAt(at);
      const digit = code >= 48 && code <= 57 ? code - 48 : code >= 97 && code <= 102 ? code - 87 : -1;
      isKey = digit >= 0;
      high = (high << 4) | (low >>> 28);
      low = (low << 4) | digit;
    }
    this.high = isKey ? high : hashText(userKey) | 0;
    this.low = isKey ? low : hashText(userKey, 1) | 0;
  }
}

/** Up to when a user that the set does not hold may have been forgotten; −1 when it has given nobody up. */
const forgottenBy = (sets: HistorySets, set: number): number => sets.setForgottenUpToMs(set) || NEVER;

const hexOf = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');

/** Takes one of a time out; one that is not there has made room for younger ones. */
function takeOut(timesMs: number[], atMs: number): void {
  const at = timesMs.lastIndexOf(atMs);
  if (at >= 0) timesMs.splice(at, 1);
}
