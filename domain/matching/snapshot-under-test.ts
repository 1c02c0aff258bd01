import type { PolicySnapshot } from '../contracts';

/**
 * The snapshot as it decides while an experiment's arms are served: its control stands where the champion does. Null when the
 * control is the champion. Requests outside (no lease, no arms) decide by the snapshot itself.
 */
export function snapshotUnderTest(snapshot: PolicySnapshot): PolicySnapshot | null {
  const control = snapshot.canary?.control;
  return control === undefined ? null : { ...snapshot, champion: control };
}
