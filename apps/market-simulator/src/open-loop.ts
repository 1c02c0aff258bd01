import type { Pool } from 'undici';
import type { Market, MarketAuction } from '#domain/market';
import { readBid } from './bid-reader';
import type { Counters } from './counters';
import type { Settlement } from './settle-auction';

/** Requests in flight beyond which new ones are shed: an exchange throttles a bidder that does not answer. */
const MAX_IN_FLIGHT = 400;
/** A request sent this long after its time is counted as behind. */
const BEHIND_MS = 20;
const TICK_MS = 4;
/** After a stall, arrivals older than this are not sent at all. */
const FORGET_MS = 500;
const HTTP_OK = 200;
const HTTP_NO_CONTENT = 204;
const HEADERS = { 'content-type': 'application/json', 'x-openrtb-version': '2.6' };

export interface OpenLoopPorts {
  market: Market;
  pool: Pool;
  counters: Counters;
  settlement: Settlement;
  /** Uniform numbers for the gaps between arrivals. */
  random: () => number;
  maxRequests: number;
  onDone(): void;
}

/** Sends auctions at a Poisson rate that does not care how fast the edge answers. */
export class OpenLoop {
  private timer: NodeJS.Timeout | null = null;
  private nextAtMs = 0;
  private requestsPerSecond = 0;
  inFlight = 0;

  constructor(private readonly ports: OpenLoopPorts) {}

  get rate(): number {
    return this.requestsPerSecond;
  }

  /** Sets the rate, requests per second; 0 pauses. */
  run(requestsPerSecond: number): void {
    this.requestsPerSecond = requestsPerSecond;
    this.stop();
    if (requestsPerSecond <= 0) return;
    this.nextAtMs = performance.now() + this.gapMs();
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** Resolves when nothing is in flight, or after `withinMs`. */
  async drain(withinMs: number): Promise<void> {
    const until = performance.now() + withinMs;
    while (this.inFlight > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  private gapMs(): number {
    return (-Math.log(1 - this.ports.random()) * 1000) / this.requestsPerSecond;
  }

  private tick(): void {
    const { counters, market, maxRequests, onDone } = this.ports;
    const nowMs = performance.now();
    while (this.timer !== null && this.nextAtMs <= nowMs) {
      const lateMs = nowMs - this.nextAtMs;
      this.nextAtMs += this.gapMs();
      const auction = market.next();
      if (this.inFlight >= MAX_IN_FLIGHT || lateMs > FORGET_MS) {
        counters.requests.shed += 1;
        continue;
      }
      if (lateMs > BEHIND_MS) counters.requests.behind += 1;
      void this.auction(auction);
      if (counters.requests.sent >= maxRequests) {
        this.stop();
        onDone();
      }
    }
  }

  private async auction(auction: MarketAuction): Promise<void> {
    const { pool, counters } = this.ports;
    const startedMs = performance.now();
    counters.requests.sent += 1;
    this.inFlight += 1;
    try {
      const response = await pool.request({
        method: 'POST',
        path: `/openrtb2/${auction.exchange}`,
        headers: HEADERS,
        body: JSON.stringify(auction.request),
      });
      const body = await response.body.text();
      const elapsedMs = performance.now() - startedMs;
      counters.onLatency(elapsedMs);
      this.read(auction, response.statusCode, body, elapsedMs);
    } catch {
      counters.requests.failed += 1; // The edge is away or slower than the pool's timeout; the loop goes on.
    } finally {
      this.inFlight -= 1;
    }
  }

  private read(auction: MarketAuction, status: number, body: string, elapsedMs: number): void {
    const { counters, settlement } = this.ports;
    const { requests } = counters;
    const tmaxMs = Number(auction.request['tmax']);
    if (status === HTTP_NO_CONTENT) requests.noBids += 1;
    else if (status !== HTTP_OK) requests.invalid += 1;
    else if (elapsedMs > tmaxMs) requests.late += 1;
    else {
      const bid = readBid(body);
      if (bid === null || bid.priceMicros < auction.floorMicros) {
        requests.invalid += 1;
        return;
      }
      requests.bids += 1;
      settlement.settle(auction, bid);
    }
  }
}
