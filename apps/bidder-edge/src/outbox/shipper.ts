import { createHash } from 'node:crypto';
import type { SealedSegment, SegmentStore } from './segment-store';

/** What became of one attempt to ship a segment. */
export type ShipResult = 'taken' | 'refused' | 'retry';

export interface ShipTarget {
  url: string;
  edgeId: string;
  token: string;
}

const TIMEOUT_MS = 10_000;
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 5000;
/** Statuses below 500 that say "not now" rather than "never". */
const TRANSIENT = new Set([401, 403, 404, 408, 421, 425, 429]);

/** Sends one sealed segment; the id makes a second delivery harmless. */
export async function shipSegment(target: ShipTarget, segment: SealedSegment, body: Buffer): Promise<ShipResult> {
  const url = `${target.url}/edge/v1/segments/${encodeURIComponent(target.edgeId)}/${segment.segmentId}`;
  const response = await fetch(url, {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${target.token}`,
      'content-type': 'application/octet-stream',
      'x-content-sha256': createHash('sha256').update(body).digest('hex'),
    },
    body: new Uint8Array(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await response.arrayBuffer();
  if (response.ok) return 'taken';
  return response.status >= 500 || TRANSIENT.has(response.status) ? 'retry' : 'refused';
}

/**
 * Ships sealed segments one at a time, oldest first, with exponential backoff. Without a control plane nobody collects: the
 * oldest segments are dropped when the bound is near, and counted.
 */
export class Shipper {
  private stopped = false;
  private loop: Promise<void> | null = null;
  private wake: (() => void) | null = null;

  constructor(
    private readonly store: SegmentStore,
    private readonly target: ShipTarget | null,
    private readonly on: {
      shipped(bytes: number): void;
      refused(segmentId: string): void;
      retried(): void;
      dropped(): void;
    },
  ) {}

  start(): void {
    this.loop = this.run();
  }

  /** Ends the loop; `flushMs` > 0 first tries to ship what is left for that long. */
  async stop(flushMs: number): Promise<void> {
    const until = Date.now() + flushMs;
    while (this.target !== null && this.store.waiting > 0 && Date.now() < until) {
      this.wake?.();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.stopped = true;
    this.wake?.();
    await this.loop;
  }

  private async run(): Promise<void> {
    let waitMs = FIRST_WAIT_MS;
    while (!this.stopped) {
      const segment = this.store.oldest();
      if (this.target === null) await this.dropUncollected();
      if (segment === null || this.target === null) {
        await this.pause(FIRST_WAIT_MS);
        continue;
      }
      if (await this.ship(this.target, segment)) {
        waitMs = FIRST_WAIT_MS;
        continue;
      }
      this.on.retried();
      await this.pause(waitMs * (0.75 + Math.random() / 2));
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    }
  }

  private async ship(target: ShipTarget, segment: SealedSegment): Promise<boolean> {
    const result = await this.store
      .read(segment)
      .then((body) => shipSegment(target, segment, body))
      .catch((): ShipResult => 'retry');
    if (result === 'retry') return false;
    if (result === 'taken') {
      await this.store.drop(segment);
      this.on.shipped(segment.bytes);
    } else {
      await this.store.setAside(segment);
      this.on.refused(segment.segmentId);
    }
    return true;
  }

  private async dropUncollected(): Promise<void> {
    for (let oldest = this.store.oldest(); oldest !== null && this.store.fill > 0.5; oldest = this.store.oldest()) {
      await this.store.drop(oldest);
      this.on.dropped();
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      function done(): void {
        clearTimeout(timer);
        resolve();
      }
      this.wake = done;
    });
  }
}
