import type { Arm } from '../contracts/agent';
import { hashText } from '../random';

/** Number of user-hash buckets in which KPI sums are kept. */
export const USER_BUCKETS = 200;

/**
 * Arm of a user (or of a request without a usable id) in one layer. Monotone in the share: raising `shareBps` never takes
 * a user out of the canary.
 */
export function assignArm(layerSalt: string, userKeyOrRequestId: string, shareBps: number): Arm {
  return hashText(`${layerSalt}|arm|${userKeyOrRequestId}`) % 10_000 < shareBps ? 'canary' : 'champion';
}

/** Bucket 0..199 of a user key, hashed apart from the arm so that buckets cut across arms. */
export function userBucketOf(layerSalt: string, userKey: string): number {
  return hashText(`${layerSalt}|bucket|${userKey}`) % USER_BUCKETS;
}
