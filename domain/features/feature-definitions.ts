import type { UserValues } from '../contracts/user-features';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Whom or what a feature describes. */
export type FeatureEntity = 'user' | 'device' | 'context';
/** Where its value comes from: billed impressions and clicks of the user, the normalised request, or the clock. */
export type FeatureSource = 'bills' | 'clicks' | 'request' | 'clock';
/** `profile` needs consent to profiles (TCF purposes 3 and 4) and a user key; `contextual` is of the request alone and names nobody. */
export type PrivacyClass = 'profile' | 'contextual';

/** One feature: everything that edge, lake and training must agree on. */
export interface FeatureDefinition<Name extends string = string> {
  readonly name: Name;
  readonly entity: FeatureEntity;
  readonly type: 'count' | 'number' | 'category' | 'flag';
  readonly unit: string;
  readonly source: FeatureSource;
  /** How far back it reaches, and so for how long what it is made of is kept; null = nothing is kept beyond the request. */
  readonly ttlMs: number | null;
  readonly privacy: PrivacyClass;
}

/** Exposures and clicks older than this are nobody's feature, and are forgotten. */
export const HISTORY_TTL_MS = 7 * DAY_MS;
/** Counts go no further: a user with more is as tired as one with so many, and a history has a size. */
export const MOST_EXPOSURES = 32;
export const MOST_CLICKS = 8;

/** Windows of exposures: those younger than so much count (FoRI, CIKM '23: frequency and recency over several horizons). */
export const EXPOSURE_WINDOWS = [
  { name: 'exposures10m', windowMs: 10 * MINUTE_MS },
  { name: 'exposures1h', windowMs: HOUR_MS },
  { name: 'exposures6h', windowMs: 6 * HOUR_MS },
  { name: 'exposures24h', windowMs: DAY_MS },
  { name: 'exposures3d', windowMs: 3 * DAY_MS },
  { name: 'exposures7d', windowMs: HISTORY_TTL_MS },
] as const;

const ofUser = { entity: 'user', privacy: 'profile' } as const;

/**
 * Features of a user's past over all campaigns of the fleet. An exposure is a billed impression, at the moment its notice was accepted; a click
 * likewise. A decision at T sees what was accepted before T, and nothing of the millisecond T itself: then the order within one cannot matter.
 */
export const USER_FEATURES: readonly FeatureDefinition<keyof UserValues>[] = [
  ...EXPOSURE_WINDOWS.map(
    ({ name, windowMs }) =>
      ({ name, ...ofUser, type: 'count', unit: 'impressions', source: 'bills', ttlMs: windowMs }) as const,
  ),
  { name: 'secondsSinceExposure', ...ofUser, type: 'number', unit: 's', source: 'bills', ttlMs: HISTORY_TTL_MS },
  { name: 'clicksSinceExposure', ...ofUser, type: 'count', unit: 'clicks', source: 'clicks', ttlMs: HISTORY_TTL_MS },
  { name: 'clicks7d', ...ofUser, type: 'count', unit: 'clicks', source: 'clicks', ttlMs: HISTORY_TTL_MS },
];
