import type { Pool } from 'undici';
import { hashText } from '#domain/random';
import type { Market, MarketAuction } from '#domain/market/index';
import type { AnsweredBid, Notices } from './notices';
import type { SimulatorStats } from './stats';

/** Requests under way at most; what is due beyond is shed and counted. */
const MAX_IN_FLIGHT = 256;
const TICK_MS = 5;
/** A process that slept sends at most so many seconds of traffic at once. */
const MAX_CATCH_UP_S = 1;
const TMAX_MS = 150;

/** Open-loop traffic: requests leave when they are due, whatever the edge does. */
export class Traffic {
  private timer: NodeJS.Timeout | null = null;
  private due = 0;
  private lastAt = performance.now();
  private inFlight = 0;
  private readonly exposures = new Map<string, number>();

  constructor(
    private readonly market: Market,
    /** One an edge. */
    private readonly pools: readonly Pool[],
    private readonly notices: Notices,
    private readonly stats: SimulatorStats,
    public requestsPerSecond: number,
  ) {}

  start(): void {
    this.lastAt = performance.now();
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
  }

  /** Requests without an answer yet. */
  get underWay(): number {
    return this.inFlight;
  }

  private tick(): void {
    const now = performance.now();
    this.due += ((now - this.lastAt) / 1000) * this.requestsPerSecond;
    this.lastAt = now;
    this.due = Math.min(this.due, MAX_CATCH_UP_S * this.requestsPerSecond);
    for (; this.due >= 1; this.due--) {
      const auction = this.market.next();
      if (this.inFlight >= MAX_IN_FLIGHT) this.stats.shed++;
      else void this.send(auction);
    }
  }

  private async send(auction: MarketAuction): Promise<void> {
    this.inFlight++;
    this.stats.sent++;
    const sentAt = performance.now();
    const pool = this.pools[hashText(auction.user.id) % this.pools.length] as Pool;
    try {
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: `/openrtb2/${auction.exchange}`,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(auction.request),
      });
      const text = await body.text();
      if (performance.now() - sentAt > TMAX_MS) this.stats.late++;
      if (statusCode === 200) this.settle(auction, pool, JSON.parse(text) as { seatbid?: { bid: AnsweredBid[] }[] });
      else if (statusCode === 204) this.stats.noBids++;
      else this.stats.badStatuses++;
    } catch {
      // A dead edge is an expected event of the drills: it is counted, and traffic goes on.
      this.stats.failures++;
    } finally {
      this.inFlight--;
    }
  }

  private settle(auction: MarketAuction, pool: Pool, answer: { seatbid?: { bid: AnsweredBid[] }[] }): void {
    const bid = answer.seatbid?.[0]?.bid[0];
    if (!bid) {
      this.stats.noBids++;
      return;
    }
    this.stats.bids++;
    const key = `${auction.user.id}|${bid.crid}`;
    const seen = this.exposures.get(key) ?? 0;
    const result = this.market.resolve(auction, Math.round(bid.price * 1e6), seen);
    if (result.won) this.exposures.set(key, seen + 1);
    this.notices.settle(pool, auction, bid, result);
  }
}
