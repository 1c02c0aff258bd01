import { Pool } from 'undici';
import { Market, type Scenario } from '#domain/market';
import { clickUrlOf } from '../../apps/market-simulator/src/notices';

/** One answered request as the exchange saw it. Times are wall-clock ms of this process. */
export interface ProbeSample {
  requestId: string;
  sentAtMs: number;
  receivedAtMs: number;
  status: number;
  bid: { id: string; price: number } | null;
}

const TICK_MS = 10;
const CONNECTIONS = 16;
/** No answer of the drill may be lost to a slow machine: the level is measured, not the speed. */
const TMAX_MS = 1000;
const TIMEOUT_MS = 5000;
/** One bid in so many wins, is billed and clicked: a plan is refused while its metric has never had an event. */
const WINS_EVERY = 20;

interface AnsweredBid {
  id: string;
  price: number;
  adm?: string;
  nurl?: string;
  burl?: string;
  lurl?: string;
}

/** Open-loop load on one edge; keeps every response. Most bids are answered by a loss notice, so that their money comes back. */
export class EdgeProbe {
  readonly samples: ProbeSample[] = [];
  /** Requests without a usable answer: an edge that bids or refuses always answers. */
  failures = 0;
  private readonly market: Market;
  private readonly pool: Pool;
  private timer: NodeJS.Timeout | null = null;
  private due = 0;
  private lastAt = 0;
  private underWay = 0;
  private bids = 0;

  constructor(
    url: string,
    scenario: Scenario,
    seed: number,
    private readonly requestsPerSecond: number,
  ) {
    this.market = new Market(scenario, seed);
    this.pool = new Pool(url, { connections: CONNECTIONS, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  }

  start(): void {
    this.lastAt = performance.now();
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  /** Stops sending and waits for what is under way. */
  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
    for (let waited = 0; waited < TIMEOUT_MS && this.underWay > 0; waited += TICK_MS)
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    await this.pool.destroy();
  }

  private tick(): void {
    const now = performance.now();
    this.due = Math.min(this.requestsPerSecond, this.due + ((now - this.lastAt) / 1000) * this.requestsPerSecond);
    this.lastAt = now;
    for (; this.due >= 1; this.due--) void this.send();
  }

  private async send(): Promise<void> {
    const { exchange, request } = this.market.next();
    const requestId = String(request['id']);
    const body = JSON.stringify({ ...request, tmax: TMAX_MS });
    this.underWay += 1;
    const sentAtMs = Date.now();
    try {
      const answer = await this.pool.request({
        method: 'POST',
        path: `/openrtb2/${exchange}`,
        headers: { 'content-type': 'application/json' },
        body,
      });
      const text = await answer.body.text();
      const bid =
        answer.statusCode === 200
          ? ((JSON.parse(text) as { seatbid?: { bid: AnsweredBid[] }[] }).seatbid?.[0]?.bid[0] ?? null)
          : null;
      this.samples.push({
        requestId,
        sentAtMs,
        receivedAtMs: Date.now(),
        status: answer.statusCode,
        bid: bid && { id: bid.id, price: bid.price },
      });
      if (bid && (this.bids += 1) % WINS_EVERY === 0) await this.win(bid);
      else if (bid?.lurl) await this.lose(bid.lurl);
    } catch {
      // Counted: a refused connection or a time-out is a finding of the drill, and the load goes on.
      this.failures += 1;
    } finally {
      this.underWay -= 1;
    }
  }

  private async lose(url: string): Promise<void> {
    await this.call(url.replace('${AUCTION_PRICE}', '').replace('${AUCTION_LOSS}', '102'));
  }

  private async win({ price, adm, nurl, burl }: AnsweredBid): Promise<void> {
    for (const url of [nurl, burl, clickUrlOf(adm)])
      if (url) await this.call(url.replace('${AUCTION_PRICE}', price.toFixed(6)));
  }

  private async call(url: string): Promise<void> {
    const { pathname, search } = new URL(url.replace('${AUCTION_MIN_TO_WIN}', ''));
    await (await this.pool.request({ method: 'GET', path: pathname + search })).body.dump();
  }
}
