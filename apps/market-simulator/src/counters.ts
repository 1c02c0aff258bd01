import type { NoticeKind } from '#domain/contracts';

/** Latencies are counted in whole milliseconds up to this; slower answers land in the last cell. */
const SLOWEST_MS = 2000;

const perKind = (): Record<NoticeKind, number> => ({ win: 0, bill: 0, loss: 0, click: 0, conversion: 0 });

/** What a run has seen so far. Plain numbers, read by the control port. */
export class Counters {
  readonly requests = {
    sent: 0,
    bids: 0,
    noBids: 0,
    /** Answered after tmax: an exchange does not wait. */
    late: 0,
    /** Not 200 or 204, unreadable, or below the floor. */
    invalid: 0,
    /** No answer at all. */
    failed: 0,
    /** Not sent, because too many were in flight: the loop is open and never queues. */
    shed: 0,
    /** Sent more than 20 ms after its time: this process was too slow, not the edge. */
    behind: 0,
  };
  readonly outcomes = { wins: 0, losses: 0, clicks: 0, conversions: 0, spendNanos: 0 };
  readonly acknowledged = perKind();
  readonly refused = perKind();
  /** Given up after all attempts. */
  readonly abandoned = perKind();
  private readonly latencies = new Uint32Array(SLOWEST_MS + 1);

  onLatency(ms: number): void {
    const cell = Math.min(SLOWEST_MS, Math.max(0, Math.ceil(ms)));
    this.latencies[cell] = (this.latencies[cell] ?? 0) + 1;
  }

  /** Latency in ms that `share` of the answers did not exceed; 0 without answers. */
  latencyMs(share: number): number {
    const total = this.latencies.reduce((sum, count) => sum + count, 0);
    let left = Math.ceil(total * share);
    if (total === 0) return 0;
    for (let ms = 0; ms <= SLOWEST_MS; ms += 1) {
      left -= this.latencies[ms] ?? 0;
      if (left <= 0) return ms;
    }
    return SLOWEST_MS;
  }
}
