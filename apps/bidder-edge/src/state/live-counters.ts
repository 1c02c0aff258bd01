import type { Arm, LiveState } from '#domain/contracts';

/** Time constants of the exponential weights, ms (agents.md: request rate over 10 s). */
export const RATE_TAU_MS = 10_000;
const WIN_TAU_MS = 60_000;

/** What is left of a sum after a time; a clock that steps back must not make it grow. */
export const decayed = (sum: number, sinceMs: number, tauMs: number): number =>
  sum * Math.exp(-Math.max(0, sinceMs) / tauMs);

/** Exponentially decayed sum of events. */
class DecayedSum {
  private sum = 0;
  private atMs = 0;

  constructor(private readonly tauMs: number) {}

  add(amount: number, nowMs: number): void {
    this.sum = this.at(nowMs) + amount;
    this.atMs = nowMs;
  }

  at(nowMs: number): number {
    return decayed(this.sum, nowMs - this.atMs, this.tauMs);
  }
}

/** Live state that features read: request rate of the process, win rate per arm and exchange. */
export class LiveCounters {
  private readonly requests = new DecayedSum(RATE_TAU_MS);
  private readonly bids = new Map<string, DecayedSum>();
  private readonly wins = new Map<string, DecayedSum>();

  onRequest(nowMs: number): void {
    this.requests.add(1, nowMs);
  }

  onBid(arm: Arm, exchange: string, nowMs: number): void {
    lane(this.bids, arm, exchange).add(1, nowMs);
  }

  onWin(arm: Arm, exchange: string, nowMs: number): void {
    lane(this.wins, arm, exchange).add(1, nowMs);
  }

  /** Requests per second. */
  requestRate(nowMs: number): number {
    return (this.requests.at(nowMs) * 1000) / RATE_TAU_MS;
  }

  /** Wins per bid, 0..1; 0 before the first bid. */
  winRate(arm: Arm, exchange: string, nowMs: number): number {
    const bids = lane(this.bids, arm, exchange).at(nowMs);
    return bids <= 0 ? 0 : Math.min(1, lane(this.wins, arm, exchange).at(nowMs) / bids);
  }

  /** Every win rate, for threads that bid elsewhere. */
  winRates(nowMs: number): [arm: Arm, exchange: string, rate: number][] {
    return [...this.bids.keys()].map((key) => {
      const [arm, exchange] = [key.slice(0, key.indexOf('|')) as Arm, key.slice(key.indexOf('|') + 1)];
      return [arm, exchange, this.winRate(arm, exchange, nowMs)];
    });
  }

  read(arm: Arm, exchange: string, openReservations: number, nowMs: number): LiveState {
    return { requestRate: this.requestRate(nowMs), winRate: this.winRate(arm, exchange, nowMs), openReservations };
  }
}

function lane(sums: Map<string, DecayedSum>, arm: Arm, exchange: string): DecayedSum {
  const key = `${arm}|${exchange}`;
  let sum = sums.get(key);
  if (!sum) {
    sum = new DecayedSum(WIN_TAU_MS);
    sums.set(key, sum);
  }
  return sum;
}
