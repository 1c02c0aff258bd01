import type { FrequencyParams } from '../../contracts/agent';

/** Factor used when the policy is quarantined (agents.md, "Frequency agent", fallback). */
export const FALLBACK_BASE = 0.9;
/** Exposures beyond this change nothing any more: 0.9^200 is 1e-9. */
const MAX_EXPOSURES = 200;

/** ψ = base^f over exposures f of the last 24 h: 1 without exposures or without a user, never increasing in f. */
export function fatigueFactor(params: FrequencyParams, exposures: number): number {
  if (!(exposures > 0)) return 1;
  return Math.pow(params.base, Math.min(exposures, MAX_EXPOSURES));
}
