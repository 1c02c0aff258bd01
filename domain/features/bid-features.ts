import type { LiveState } from '../contracts/decision-record';
import type { NormalisedImpression, NormalisedRequest } from '../contracts/normalised-request';
import { hashText } from '../random';

/** Names of the bid model's features, in row order. Indices 21 to 23 are live state of the serving process. */
export const FEATURE_NAMES = [
  'lnFloor',
  'hasFloor',
  'isSecondPrice',
  'isMobile',
  'isOtherDevice',
  'isApp',
  'lnArea',
  'is300x250',
  'is320x50',
  'is728x90',
  'isOtherSize',
  'hourSin',
  'hourCos',
  'isWeekend',
  'exchange0',
  'exchange1',
  'exchange2',
  'exchange3',
  'hasUser',
  'countryHash',
  'isAboveFold',
  'lnRequestRate',
  'winRate',
  'lnOpenReservations',
] as const;
export const FEATURE_COUNT = FEATURE_NAMES.length;

/** Identity of this feature list: a model trained on another list is refused. Eight hex digits, versioned. */
export const FEATURE_SPEC_HASH = `v1-${hashText(FEATURE_NAMES.join(',')).toString(16).padStart(8, '0')}`;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const TWO_PI = 2 * Math.PI;
/** 1 January 1970 was a Thursday: day 0 has weekday 3 when Monday is 0. */
const EPOCH_WEEKDAY = 3;
const NO_SIZE = { w: 0, h: 0 };

/**
 * Writes the 24 features of one impression to `row[offset..offset+23]`. No feature names an arm, a rollout or a candidate.
 * Units: see FEATURE_NAMES; hours are UTC; the size is the first one offered.
 */
export function writeBidFeatures(
  row: Float32Array,
  offset: number,
  request: NormalisedRequest,
  impression: NormalisedImpression,
  nowMs: number,
  live: LiveState,
): void {
  const { w, h } = impression.sizes[0] ?? NO_SIZE;
  const known = w === 300 && h === 250 ? 0 : w === 320 && h === 50 ? 1 : w === 728 && h === 90 ? 2 : 3;
  const hourAngle = (TWO_PI * (((nowMs % DAY_MS) + DAY_MS) % DAY_MS)) / DAY_MS;
  const weekday = (((Math.floor(nowMs / DAY_MS) + EPOCH_WEEKDAY) % 7) + 7) % 7;
  const exchange = hashText(request.exchange) % 4;
  const isPhone = request.deviceType === 1 || request.deviceType === 4;
  row[offset] = Math.log((impression.floorMicros + 1e4) / 1e6);
  row[offset + 1] = impression.floorMicros > 0 ? 1 : 0;
  row[offset + 2] = request.auctionType === 2 ? 1 : 0;
  row[offset + 3] = isPhone || (request.deviceType === 0 && request.isMobile) ? 1 : 0;
  row[offset + 4] = request.deviceType === 3 || request.deviceType >= 5 ? 1 : 0;
  row[offset + 5] = request.channel === 'app' ? 1 : 0;
  row[offset + 6] = Math.log(Math.max(1, w * h));
  row[offset + 7] = known === 0 ? 1 : 0;
  row[offset + 8] = known === 1 ? 1 : 0;
  row[offset + 9] = known === 2 ? 1 : 0;
  row[offset + 10] = known === 3 ? 1 : 0;
  row[offset + 11] = Math.sin(hourAngle);
  row[offset + 12] = Math.cos(hourAngle);
  row[offset + 13] = weekday >= 5 ? 1 : 0;
  for (let i = 0; i < 4; i += 1) row[offset + 14 + i] = exchange === i ? 1 : 0;
  row[offset + 18] = request.userKey === null ? 0 : 1;
  row[offset + 19] = (hashText(request.country) % 997) / 997;
  row[offset + 20] = impression.position === 1 ? 1 : 0;
  row[offset + 21] = Math.log(1 + Math.max(0, live.requestRate) / 100);
  row[offset + 22] = live.winRate;
  row[offset + 23] = Math.log(1 + Math.max(0, live.openReservations) / 100);
}
