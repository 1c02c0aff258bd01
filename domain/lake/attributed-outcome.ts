import { isWithinWindow } from '../contracts/attribution';
import type { Outcome } from '../contracts/outcome';

/**
 * An outcome as the lake counts it: a conversion that its own times say came after its window is one outside the window,
 * whatever the edge made of it, and brings no value. Conversions written before windows were kept count as they were written.
 */
export function attributedOutcome(outcome: Outcome): Outcome {
  const { kind, touchedAtMs, windowMs, atMs } = outcome;
  if (kind !== 'conversion' || touchedAtMs === undefined || windowMs === undefined) return outcome;
  if (isWithinWindow({ touchedAtMs, windowMs }, atMs)) return outcome;
  return { ...outcome, kind: 'outside-window', valueNanos: 0 };
}
