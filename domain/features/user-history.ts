import type { HistoryScope, UserFeatures, UserValues } from '../contracts/user-features';
import type { NoticeKind } from '../contracts/outcome';
import { EXPOSURE_WINDOWS, HISTORY_TTL_MS, MOST_CLICKS, MOST_EXPOSURES } from './feature-definitions';

export type UserEventKind = 'exposure' | 'click';

/** Something that a user's features are made of, when the edge accepted the notice of it. */
export interface UserEvent {
  kind: UserEventKind;
  userKey: string;
  atMs: number;
  /** Tells two events of one user and millisecond apart, and a repetition from a second one. */
  eventId: string;
}

/** What a notice says of a user's past; null: nothing. */
export function userEventKind(notice: NoticeKind): UserEventKind | null {
  if (notice === 'bill') return 'exposure';
  return notice === 'click' ? 'click' : null;
}

/** Without a user or consent to profiles nothing is read, and nothing kept. */
export function profileKey(request: { userKey: string | null; consent?: { profile: boolean } }): string | null {
  return (request.consent?.profile ?? true) ? request.userKey : null;
}

type Unknown = Exclude<UserFeatures['state'], 'known'>;

const unknown = (scope: HistoryScope): Readonly<Record<Unknown, UserFeatures>> => ({
  'not-asked': { state: 'not-asked', scope, values: null },
  'not-allowed': { state: 'not-allowed', scope, values: null },
  late: { state: 'late', scope, values: null },
  unreachable: { state: 'unreachable', scope, values: null },
  forgotten: { state: 'forgotten', scope, values: null },
});

/** Answers without values, by the scope of the store; one object each, since they say nothing of anybody. */
export const NO_VALUES: Readonly<Record<HistoryScope, Readonly<Record<Unknown, UserFeatures>>>> = {
  edge: unknown('edge'),
  fleet: unknown('fleet'),
};

/** Exposures by the narrowest window they are in; the last place is for those in none. Scratch of one call. */
const bins = new Int32Array(EXPOSURE_WINDOWS.length + 1);

/**
 * The features of one user at `nowMs` (definitions: feature-definitions.ts). Times in any order, ms; of more than are given the oldest may be
 * missing, as long as `MOST_EXPOSURES` and `MOST_CLICKS` of those before `nowMs` are there. Makes one object.
 * @param exposures how many of `exposuresMs` there are; the same for clicks
 */
export function userValues(
  exposuresMs: ArrayLike<number>,
  exposures: number,
  clicksMs: ArrayLike<number>,
  clicks: number,
  nowMs: number,
): UserValues {
  bins.fill(0);
  let lastMs = -1;
  for (let i = 0; i < exposures; i += 1) {
    const atMs = exposuresMs[i] as number;
    const ageMs = nowMs - atMs;
    if (ageMs <= 0 || ageMs >= HISTORY_TTL_MS) continue;
    let window = 0;
    while (ageMs >= (EXPOSURE_WINDOWS[window] as { windowMs: number }).windowMs) window += 1;
    bins[window] = (bins[window] as number) + 1;
    if (atMs > lastMs) lastMs = atMs;
  }
  let clicks7d = 0;
  let clicksSince = 0;
  for (let i = 0; i < clicks; i += 1) {
    const atMs = clicksMs[i] as number;
    const ageMs = nowMs - atMs;
    if (ageMs <= 0 || ageMs >= HISTORY_TTL_MS) continue;
    clicks7d += 1;
    if (lastMs >= 0 && atMs >= lastMs) clicksSince += 1;
  }
  // Windows lie one in the other: each holds what the narrower one holds.
  for (let window = 1; window < EXPOSURE_WINDOWS.length; window += 1)
    bins[window] = (bins[window] as number) + (bins[window - 1] as number);
  return {
    exposures10m: exposuresIn(0),
    exposures1h: exposuresIn(1),
    exposures6h: exposuresIn(2),
    exposures24h: exposuresIn(3),
    exposures3d: exposuresIn(4),
    exposures7d: exposuresIn(5),
    secondsSinceExposure: lastMs < 0 ? null : Math.floor((nowMs - lastMs) / 1000),
    clicksSinceExposure: Math.min(MOST_CLICKS, clicksSince),
    clicks7d: Math.min(MOST_CLICKS, clicks7d),
  };
}

const exposuresIn = (window: number): number => Math.min(MOST_EXPOSURES, bins[window] as number);
