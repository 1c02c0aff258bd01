import type { Market, MarketAuction } from '#domain/market';
import { fillMacros, pathOf, type ReceivedBid } from './bid-reader';
import type { Counters } from './counters';
import type { NoticeSender } from './notice-sender';

/** AdCOM loss reasons: 102 = lost to a higher bid, 100 = below the floor. */
const LOST_TO_HIGHER = 102;
/** (user, creative) pairs whose exposures are remembered; the oldest are forgotten first. */
const MAX_EXPOSURES = 400_000;
/** A page is viewed this long after the win. */
const BILL_DELAY_MS = 20;

/** Settles auctions as the exchange and the user: who won, what is paid, who clicks; all luck comes from the market's seed. */
export class Settlement {
  /** Impressions by creative and user, for fatigue. */
  private readonly exposures = new Map<string, number>();

  constructor(
    private readonly market: Market,
    private readonly notices: NoticeSender,
    private readonly counters: Counters,
  ) {}

  /** Settles one bid that came in time. */
  settle(auction: MarketAuction, bid: ReceivedBid): void {
    const { market, counters, notices } = this;
    const key = `${bid.creativeId}|${auction.user.id}`;
    const seen = this.exposures.get(key) ?? 0;
    const result = market.resolve(auction, bid.priceMicros, seen);
    const { delayMs, lossShare } = market.scenario.notices;
    const minToWin = auction.disclosesMinToWin ? result.minToWinMicros : null;
    const { bidId } = bid;
    if (!result.won) {
      counters.outcomes.losses += 1;
      if (auction.lossNoticeDraw >= lossShare || bid.lurl === '') return;
      // A loser learns no price unless the exchange discloses the minimum to win.
      const path = fillMacros(pathOf(bid.lurl), 0, minToWin, LOST_TO_HIGHER);
      notices.send({ kind: 'loss', bidId, path }, delayMs);
      return;
    }
    counters.outcomes.wins += 1;
    counters.outcomes.spendNanos += result.clearingMicros;
    this.remember(key, seen + 1);
    const fill = (url: string): string => fillMacros(pathOf(url), result.clearingMicros, minToWin, 0);
    if (bid.nurl !== '') notices.send({ kind: 'win', bidId, path: fill(bid.nurl) }, delayMs);
    if (bid.burl !== '') notices.send({ kind: 'bill', bidId, path: fill(bid.burl) }, delayMs + BILL_DELAY_MS);
    if (result.clicked && bid.clickPath !== null) this.click(auction, bidId, bid.clickPath, result.converted);
  }

  /** The user follows the click URL, exponentially late within bounds, and may convert after that. */
  private click(auction: MarketAuction, bidId: string, clickPath: string, converts: boolean): void {
    const { market, counters, notices } = this;
    const { clickDelayMs, conversionDelayMs } = market.scenario.response;
    counters.outcomes.clicks += 1;
    const delayMs = market.scenario.notices.delayMs + delayOf(clickDelayMs, auction.conversionDraw);
    notices.send({ kind: 'click', bidId, path: clickPath }, delayMs, () => {
      if (!converts) return;
      counters.outcomes.conversions += 1;
      const path = clickPath.replace('/n/click?', '/n/conv?');
      notices.send({ kind: 'conversion', bidId, path }, delayOf(conversionDelayMs, auction.lossNoticeDraw));
    });
  }

  private remember(key: string, count: number): void {
    this.exposures.set(key, count);
    if (this.exposures.size <= MAX_EXPOSURES) return;
    const oldest = this.exposures.keys().next().value;
    if (oldest !== undefined) this.exposures.delete(oldest);
  }
}

/** Exponential delay of the given mean, at most three times it: labels of a demo must mature in seconds. */
const delayOf = (meanMs: number, uniform: number): number => Math.min(3, -Math.log(1 - uniform)) * meanMs;
