import { canaryLeaseSchema, type CanaryLease, type PolicySnapshot } from '#domain/contracts';
import { openSigned, type KeyRing } from '../snapshot/verify-signed';

/** No lease is believed for longer than this, whatever it says. */
export const LONGEST_LEASE_MS = 120_000;
/** A canary at 100 % still leaves this share to the champion, so that there is a control group (statistics.md). */
export const LARGEST_SHARE_BPS = 9500;

/** What the edge really serves of a canary. */
export interface ServedCanary {
  rolloutId: string;
  stage: number;
  shareBps: number;
}

/**
 * The lease of the canary's share. Its end is kept on the monotonic clock (`monotonicMs`), measured from the control plane's
 * own time, so that a stepping wall clock neither ends nor prolongs it.
 */
export class CanaryLeaseHolder {
  private lease: CanaryLease | null = null;
  private endsAtMonotonicMs = 0;
  /** Times the snapshot's canary was stopped because its lease ran out. */
  lapses = 0;
  /** Leases refused: wrong signature or shape. */
  refused = 0;
  private wasServing: string | null = null;

  constructor(
    private readonly keys: KeyRing,
    private readonly monotonicMs: () => number,
  ) {}

  /** Takes the lease of a heartbeat's answer; null means that none is running. */
  accept(message: unknown, serverTimeMs: number): void {
    if (message === null) {
      this.lease = null;
      return;
    }
    const payload = openSigned(message, this.keys);
    const parsed = payload === null ? null : canaryLeaseSchema.safeParse(JSON.parse(payload));
    if (!parsed?.success) {
      this.refused += 1;
      return;
    }
    this.lease = parsed.data;
    const leftMs = Math.min(LONGEST_LEASE_MS, parsed.data.expiresAtMs - serverTimeMs);
    this.endsAtMonotonicMs = this.monotonicMs() + leftMs;
  }

  /** Milliseconds until the lease in hand ends, 0 when it has; null without one. */
  get leftMs(): number | null {
    return this.lease === null ? null : Math.max(0, this.endsAtMonotonicMs - this.monotonicMs());
  }

  /** The canary that may be served now: only one that snapshot and a living lease name alike. */
  serving(canary: PolicySnapshot['canary']): ServedCanary | null {
    const lease = this.lease;
    const now = this.monotonicMs();
    if (canary === null) {
      this.wasServing = null;
      return null;
    }
    const key = `${canary.rolloutId}/${canary.stage}`;
    if (
      lease === null ||
      lease.rolloutId !== canary.rolloutId ||
      lease.stage !== canary.stage ||
      now >= this.endsAtMonotonicMs
    ) {
      // A lease that ran out is a lapse; one that waits for its first heartbeat is not.
      if (this.wasServing === key) this.lapses += 1;
      this.wasServing = null;
      return null;
    }
    const shareBps = Math.min(canary.shareBps, lease.shareBps, LARGEST_SHARE_BPS);
    if (shareBps <= 0) return null;
    this.wasServing = key;
    return { rolloutId: canary.rolloutId, stage: canary.stage, shareBps };
  }
}
