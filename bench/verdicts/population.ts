import { USER_BUCKETS } from '#domain/coordination/assignment';
import type { Rng } from '#domain/evaluation/bootstrap';
import type { Poisson } from '#domain/evaluation/seeded-random';

/** Users of one world, every figure per hour of average traffic. */
export interface UserWorld {
  /** Users in expectation; each belongs to one bucket, one hash slot and one class. */
  users: number;
  /** Mean requests of a user. */
  requestsPerHour: number;
  /** Impressions per request and, in the control, clicks per impression. */
  winRate: number;
  clickRate: number;
}

/** Requests and click rates of user classes, as multiples of the mean; all pairs are equally common. */
export const REQUEST_LEVELS = [0.25, 0.6, 1.05, 2.1] as const;
export const CLICK_LEVELS = [0.25, 0.6, 1.05, 2.1] as const;
const CLASSES = REQUEST_LEVELS.length * CLICK_LEVELS.length;

/** One slot of the layer's hash: users between two shares. They return in every time bucket and keep their habits. */
export interface Slot {
  /** By user bucket: expected requests and clicks (in the control) of all its users per hour. */
  requests: Float64Array;
  clicks: Float64Array;
  /** Users by level of REQUEST_LEVELS. */
  usersByLevel: number[];
}

/** Draws users into slots of the given widths (shares that add up to 1): classes, buckets and slots are independent hashes. */
export function drawPopulation(world: UserWorld, widths: readonly number[], poisson: Poisson): Slot[] {
  return widths.map((width) => {
    const slot: Slot = {
      requests: new Float64Array(USER_BUCKETS),
      clicks: new Float64Array(USER_BUCKETS),
      usersByLevel: REQUEST_LEVELS.map(() => 0),
    };
    const mean = (world.users * width) / (USER_BUCKETS * CLASSES);
    for (let bucket = 0; bucket < USER_BUCKETS; bucket++)
      REQUEST_LEVELS.forEach((requestLevel, level) => {
        for (const clickLevel of CLICK_LEVELS) {
          const users = poisson(mean);
          const requests = users * world.requestsPerHour * requestLevel;
          slot.requests[bucket]! += requests;
          slot.clicks[bucket]! += requests * world.winRate * world.clickRate * clickLevel;
          slot.usersByLevel[level]! += users;
        }
      });
    return slot;
  });
}

/** Users of one arm in one stage: the slots below its share, or those above. */
export interface ArmUsers {
  requests: Float64Array;
  clicks: Float64Array;
  /** Users not yet seen in the stage, by request level. */
  unseen: number[];
}

/** Adds slots up. */
export function armOf(slots: readonly Slot[]): ArmUsers {
  const arm: ArmUsers = {
    requests: new Float64Array(USER_BUCKETS),
    clicks: new Float64Array(USER_BUCKETS),
    unseen: REQUEST_LEVELS.map(() => 0),
  };
  for (const slot of slots) {
    slot.usersByLevel.forEach((users, level) => (arm.unseen[level]! += users));
    for (let bucket = 0; bucket < USER_BUCKETS; bucket++) {
      arm.requests[bucket]! += slot.requests[bucket]!;
      arm.clicks[bucket]! += slot.clicks[bucket]!;
    }
  }
  return arm;
}

/** Users first seen in the coming `hours` of traffic; takes them out of the unseen. */
export function firstExposures(arm: ArmUsers, world: UserWorld, hours: number, rng: Rng, normal: () => number): number {
  let seen = 0;
  arm.unseen.forEach((users, level) => {
    const chance = 1 - Math.exp(-world.requestsPerHour * REQUEST_LEVELS[level]! * hours);
    const now = binomial(users, chance, rng, normal);
    arm.unseen[level] = users - now;
    seen += now;
  });
  return seen;
}

function binomial(n: number, p: number, rng: Rng, normal: () => number): number {
  const variance = n * p * (1 - p);
  if (variance > 25) return Math.min(n, Math.max(0, Math.round(n * p + Math.sqrt(variance) * normal())));
  let hits = 0;
  for (let trial = 0; trial < n; trial++) if (rng() < p) hits += 1;
  return hits;
}
