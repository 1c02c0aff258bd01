/** The guard of a serving canary: it keeps the share's lease alive while the guardrails hold on fresh data. */
import { Context } from '@temporalio/activity';

export interface GuardInput {
  rolloutId: string;
  cell: string;
  stage: number;
  shareBps: number;
  /** Length of a KPI bucket, seconds: data older than a few of them is not fresh. */
  bucketSeconds: number;
}

/** `stale` = no fresh data: the lease is not renewed, and no data is never a pass. */
export interface GuardReading {
  status: 'holding' | 'stale' | 'fired';
  reason: string;
}

export interface GuardPorts {
  read(input: GuardInput): Promise<GuardReading>;
  renew(input: { rolloutId: string; stage: number; shareBps: number; seconds: number }): Promise<void>;
  now(): number;
  /** Milliseconds between two readings; 2,000 by default, below a fifth of the heartbeat timeout. */
  everyMs?: number;
}

const LEASE_SECONDS = 120;
const RENEW_EVERY_MS = 30_000;
/** A single bad reading may be noise of a bucket's border: three in a row are not. */
const READINGS_TO_FIRE = 3;

/** Closures over `ports`; their names are the activity types. */
export function createGuardActivities(ports: GuardPorts) {
  return {
    /**
     * Runs as long as the stage serves. Returns only when a guardrail has fired in three readings running; otherwise
     * it ends by cancellation, by its heartbeat timeout (dead worker: retried, while the lease of 120 s lives on), or
     * never. It adds no history while it runs.
     */
    async guardCanary(input: GuardInput): Promise<{ fired: true; reason: string; atMs: number }> {
      const context = Context.current();
      let bad = 0;
      let renewedAtMs = 0;
      for (;;) {
        const reading = await ports.read(input);
        bad = reading.status === 'fired' ? bad + 1 : 0;
        if (bad >= READINGS_TO_FIRE) return { fired: true, reason: reading.reason, atMs: ports.now() };
        if (reading.status === 'holding' && ports.now() - renewedAtMs >= RENEW_EVERY_MS) {
          await ports.renew({ ...input, seconds: LEASE_SECONDS });
          renewedAtMs = ports.now();
        }
        context.heartbeat({ ...reading, renewedAtMs, attempt: context.info.attempt });
        await context.sleep(ports.everyMs ?? 2000);
      }
    },
  };
}

export type GuardActivities = ReturnType<typeof createGuardActivities>;
