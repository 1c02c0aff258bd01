/** The lock on (cell, agent): who holds it, who waits for it, and who waits for a freeze to end. */
import { Context } from '@temporalio/activity';
import type { Fault, RolloutSubject } from './rollout-activities';

export interface ClaimInput extends RolloutSubject {
  /** `queue` waits for the lock, `refuse` (the default) does not. */
  whenBusy?: 'refuse' | 'queue';
}

export interface ClaimResult {
  claimed: boolean;
  /** Who holds the lock instead, or null. */
  holder: string | null;
  /** The champion of the moment of the claim: pinned, where a roll-back goes. */
  rollbackTargetId: string | null;
  /** Why the claim can never succeed (the target is broken, no edge is there), or absent. */
  faults?: Fault[];
  /** The newer rollout that took this one's place in the queue, or absent. */
  supersededBy?: string;
}

export interface ClaimPorts {
  claim(input: ClaimInput): Promise<ClaimResult>;
  /** Why exposure of this rollout may not rise now, or null. */
  held(rolloutId: string): Promise<string | null>;
  /** Milliseconds between two attempts; 2,000 by default. */
  everyMs?: number;
}

/** Closures over `ports`; their names are the activity types. */
export function createClaimActivities(ports: ClaimPorts) {
  return {
    async claimRollout(input: ClaimInput): Promise<ClaimResult> {
      return ports.claim(input);
    },

    /** Waits in the queue for the lock: long, heartbeating, without history. Ends claimed, superseded or with faults. */
    async awaitClaim(input: ClaimInput): Promise<ClaimResult> {
      const context = Context.current();
      for (;;) {
        const seen = await ports.claim({ ...input, whenBusy: 'queue' });
        if (seen.claimed || seen.supersededBy !== undefined || (seen.faults ?? []).length > 0) return seen;
        context.heartbeat(seen);
        await context.sleep(ports.everyMs ?? 2000);
      }
    },

    /** Waits until exposure may rise: long, heartbeating, without history. */
    async awaitRelease(input: { rolloutId: string }): Promise<void> {
      const context = Context.current();
      for (;;) {
        const held = await ports.held(input.rolloutId);
        if (held === null) return;
        context.heartbeat(held);
        await context.sleep(ports.everyMs ?? 2000);
      }
    },
  };
}

export type ClaimActivities = ReturnType<typeof createClaimActivities>;
