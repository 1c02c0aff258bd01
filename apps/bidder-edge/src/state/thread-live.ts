import type { Arm, LiveState } from '#domain/contracts';
import { decayed, RATE_TAU_MS } from './live-counters';
import type { SharedMemory } from './shared-memory';

const FIELDS = 2;

/** Live state of one bidding thread: the request rate of the whole process out of every thread's own sum, win rates as last heard. */
export class ThreadLive {
  private readonly sums: Float64Array;
  private readonly own: number;
  private winRates = new Map<string, number>();

  constructor(memory: SharedMemory, thread: number) {
    this.sums = new Float64Array(memory.requests);
    this.own = thread * FIELDS;
  }

  onRequest(nowMs: number): void {
    const { sums, own } = this;
    sums[own] = decayed(sums[own], nowMs - sums[own + 1], RATE_TAU_MS) + 1;
    sums[own + 1] = nowMs;
  }

  /** Bids are counted where their notices come in. */
  onBid(): void {
    return undefined;
  }

  onWinRates(rates: readonly [arm: Arm, exchange: string, rate: number][]): void {
    this.winRates = new Map(rates.map(([arm, exchange, rate]) => [`${arm}|${exchange}`, rate]));
  }

  read(arm: Arm, exchange: string, openReservations: number, nowMs: number): LiveState {
    const { sums } = this;
    let sum = 0;
    for (let at = 0; at < sums.length; at += FIELDS) sum += decayed(sums[at], nowMs - sums[at + 1], RATE_TAU_MS);
    return {
      requestRate: (sum * 1000) / RATE_TAU_MS,
      winRate: this.winRates.get(`${arm}|${exchange}`) ?? 0,
      openReservations,
    };
  }
}
