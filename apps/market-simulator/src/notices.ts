import type { Pool } from 'undici';
import type { AuctionResult, MarketAuction, Scenario } from '#domain/market/index';
import type { AcknowledgementLog, Acknowledgement } from './acknowledgements';
import type { SimulatorStats } from './stats';

/** A bid of the edge's answer, as far as the simulator reads it. */
export interface AnsweredBid {
  id: string;
  price: number;
  crid: string;
  nurl?: string;
  burl?: string;
  lurl?: string;
  adm?: string;
}

/** OpenRTB loss reason: lost to a higher bid. */
const LOST_TO_HIGHER_BID = 102;
const RETRIES = 3;
const RETRY_AFTER_MS = 400;

/** The click notice's address in a bid's markup (HTML, VAST with its CDATA, native JSON), or null. */
export function clickUrlOf(adm: string | undefined): string | null {
  return /https?:\/\/[^"'\s<>[\]\\]*\/n\/click[^"'\s<>[\]\\]*/.exec(adm ?? '')?.[0]?.replaceAll('&amp;', '&') ?? null;
}

/** Sends real notices back to the edge, after the scenario's delays, and logs the acknowledged ones. */
export class Notices {
  private pending = 0;

  constructor(
    private readonly scenario: Scenario,
    private readonly log: AcknowledgementLog,
    private readonly stats: SimulatorStats,
  ) {}

  /** Notices not answered yet. */
  get underWay(): number {
    return this.pending;
  }

  /** Schedules all notices of one settled bid. */
  settle(pool: Pool, auction: MarketAuction, bid: AnsweredBid, result: AuctionResult): void {
    const { notices, response } = this.scenario;
    const price = (result.clearingMicros / 1e6).toFixed(6);
    const minToWin = auction.disclosesMinToWin ? (result.minToWinMicros / 1e6).toFixed(6) : '';
    if (!result.won) {
      this.stats.losses++;
      if (auction.lossNoticeDraw >= notices.lossShare) return;
      const reason = String(LOST_TO_HIGHER_BID);
      this.later(
        pool,
        notices.delayMs,
        'loss',
        bid,
        macros(bid.lurl, { AUCTION_PRICE: '', AUCTION_MIN_TO_WIN: minToWin, AUCTION_LOSS: reason }),
      );
      return;
    }
    this.stats.wins++;
    this.stats.spendNanos += result.clearingMicros;
    const values = { AUCTION_PRICE: price, AUCTION_MIN_TO_WIN: minToWin, AUCTION_LOSS: '0' };
    this.later(pool, notices.delayMs, 'win', bid, macros(bid.nurl, values));
    this.later(pool, 2 * notices.delayMs, 'bill', bid, macros(bid.burl, values));
    if (!result.clicked) return;
    const clickUrl = clickUrlOf(bid.adm);
    this.later(pool, 2 * notices.delayMs + response.clickDelayMs, 'click', bid, clickUrl);
    if (!result.converted || !clickUrl) return;
    const delay = 2 * notices.delayMs + response.clickDelayMs + response.conversionDelayMs;
    this.later(pool, delay, 'conversion', bid, clickUrl.replace('/n/click', '/n/conv'));
  }

  private later(
    pool: Pool,
    delayMs: number,
    kind: Acknowledgement['kind'],
    bid: AnsweredBid,
    url: string | null,
  ): void {
    if (url === null) return;
    this.pending++;
    setTimeout(() => void this.deliver(pool, kind, bid.id, url), delayMs);
  }

  /** An exchange that gets no answer tries again a few times; only an answered notice is acknowledged. */
  private async deliver(pool: Pool, kind: Acknowledgement['kind'], bidId: string, url: string): Promise<void> {
    try {
      for (let attempt = 0; attempt <= RETRIES; attempt++) {
        const status = await this.send(pool, url);
        if (status >= 200 && status < 400) {
          this.stats.acknowledged[kind] = (this.stats.acknowledged[kind] ?? 0) + 1;
          this.log.add({ kind, bidId, atMs: Date.now(), status });
          return;
        }
        if (status >= 400 && status < 500) break;
        await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_MS * (attempt + 1)));
      }
      this.stats.unacknowledged[kind] = (this.stats.unacknowledged[kind] ?? 0) + 1;
    } finally {
      this.pending--;
    }
  }

  /** Status of one GET; 0 when nothing answered. */
  private async send(pool: Pool, url: string): Promise<number> {
    const { pathname, search } = new URL(url);
    return pool
      .request({ method: 'GET', path: pathname + search })
      .then(async ({ statusCode, body }) => {
        await body.dump();
        return statusCode;
      })
      .catch(() => 0);
  }
}

/** Replaces the substitution macros of a notice URL (OpenRTB 2.6, section 4.4). */
function macros(url: string | undefined, values: Record<string, string>): string | null {
  if (!url) return null;
  return Object.entries(values).reduce((text, [name, value]) => text.replaceAll(`\${${name}}`, value), url);
}
