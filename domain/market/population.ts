import { seededNormal, seededRandom } from '../evaluation/seeded-random';
import type { Scenario } from './scenario';

/** One simulated person. */
export interface MarketUser {
  id: string;
  hasId: boolean;
  hasConsent: boolean;
  country: string;
  isMobile: boolean;
  /** Multiplies the mean click rate; its mean over users is 1. */
  interest: number;
}

/** Picks an entry by weight with a uniform number in [0, 1). */
export function pickWeighted<T extends { weight: number }>(entries: readonly T[], uniform: number): T {
  const total = entries.reduce((sum, entry) => sum + entry.weight, 0);
  let left = uniform * total;
  for (const entry of entries) {
    left -= entry.weight;
    if (left < 0) return entry;
  }
  return entries[entries.length - 1];
}

/** The scenario's people, the same for every run with this seed. */
export function createPopulation(scenario: Scenario, seed: number): MarketUser[] {
  const rng = seededRandom(seed);
  const normal = seededNormal(rng);
  const { users } = scenario;
  const tag = (seed >>> 0).toString(36);
  return Array.from({ length: users.count }, (_, n) => ({
    id: `u-${tag}-${n.toString(36)}`,
    hasId: rng() >= users.withoutIdShare,
    hasConsent: rng() >= users.withoutConsentShare,
    country: pickWeighted(users.countries, rng()).country,
    isMobile: rng() < users.mobileShare,
    interest: Math.exp(users.interestSigma * normal() - users.interestSigma ** 2 / 2),
  }));
}
