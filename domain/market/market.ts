import { seededNormal, seededRandom } from '../evaluation/seeded-random';
import { offerOf, type FormatShare, type MarketFormat } from './offer';
import { createPopulation, pickWeighted, type MarketUser } from './population';
import { regimeOf, type Regime, type Scenario } from './scenario';

/**
 * One auction with every draw already made, so that two policies that meet it meet the same luck (common random numbers).
 */
export interface MarketAuction {
  number: number;
  exchange: string;
  auctionType: 1 | 2;
  user: MarketUser;
  format: MarketFormat;
  /** OpenRTB 2.6 bid request. */
  request: Record<string, unknown>;
  floorMicros: number;
  /** Best price of the rivals, CPM micros. */
  rivalMicros: number;
  disclosesMinToWin: boolean;
  /** Uniform draws of the click and of the conversion, and of whether a loss notice is sent. */
  clickDraw: number;
  conversionDraw: number;
  lossNoticeDraw: number;
}

/** What one bid led to. Prices in CPM micros = nanos of one impression. */
export interface AuctionResult {
  won: boolean;
  /** What the winner pays: own bid in first price, the runner-up in second price; 0 when lost. */
  clearingMicros: number;
  /** Lowest price that would have won. */
  minToWinMicros: number;
  /** Truth: probability of a click and of a conversion after it. */
  clickProbability: number;
  clicked: boolean;
  converted: boolean;
}

/** Price step by which a second-price winner beats the runner-up, CPM micros. */
const STEP_MICROS = 10_000;
const REFERENCE_AREA = 300 * 250;
const BANNERS: readonly FormatShare[] = [{ format: 'banner', weight: 1, lnPriceEffect: 0 }];
const PAGES = ['news.example', 'recipes.example', 'sports.example', 'weather.example'];
const APPS = ['com.example.puzzle', 'com.example.radio'];

/** A seeded stream of auctions. */
export class Market {
  readonly users: MarketUser[];
  private readonly rng: () => number;
  private readonly normal: () => number;
  /** Of its own: a scenario meets the same users, prices and luck whatever formats it has. */
  private readonly formatRng: () => number;
  private regime: Regime;
  private made = 0;

  constructor(
    readonly scenario: Scenario,
    readonly seed: number,
    regime = 'stationary',
  ) {
    this.users = createPopulation(scenario, seed);
    this.rng = seededRandom(seed * 2 + 1);
    this.normal = seededNormal(seededRandom(seed * 2 + 2));
    this.formatRng = seededRandom(seed * 2 + 3);
    this.regime = regimeOf(scenario, regime);
  }

  /** Requests per second in the present regime. */
  get requestsPerSecond(): number {
    return this.scenario.requestsPerSecond * this.regime.trafficFactor;
  }

  /** Draws the next auction. The same number of draws is spent on each, whatever becomes of it. */
  next(): MarketAuction {
    const { scenario, rng } = this;
    const user = this.users[Math.floor(rng() * this.users.length)];
    const exchange = pickWeighted(scenario.exchanges, rng());
    const size = pickWeighted(scenario.sizes, rng());
    const format = pickWeighted(scenario.formats ?? BANNERS, this.formatRng());
    const hasFloor = rng() < exchange.floorShare;
    const floorUsd = exchange.floorMedianUsd * this.regime.floorFactor * Math.exp(0.3 * this.normal());
    const lnRival =
      Math.log(scenario.rivals.medianUsd * this.regime.priceFactor) +
      exchange.lnPriceEffect +
      (user.isMobile ? scenario.rivals.mobileEffect : 0) +
      format.lnPriceEffect +
      (format.format === 'banner' ? scenario.rivals.areaEffect * Math.log((size.w * size.h) / REFERENCE_AREA) : 0) +
      scenario.rivals.sigma * this.normal();
    const number = this.made++;
    const floorMicros = hasFloor ? Math.round(floorUsd * 1e4) * 100 : 0;
    return {
      number,
      exchange: exchange.exchange,
      auctionType: exchange.auctionType,
      user,
      floorMicros,
      rivalMicros: Math.max(1, Math.round(Math.exp(lnRival) * 1e6)),
      disclosesMinToWin: exchange.disclosesMinToWin,
      request: this.openRtb(number, user, exchange.auctionType, { format, size }, floorMicros, rng()),
      format: format.format,
      clickDraw: rng(),
      conversionDraw: rng(),
      lossNoticeDraw: rng(),
    };
  }

  /** Settles one bid. `exposures` = earlier impressions of this creative on this user. */
  resolve(auction: MarketAuction, bidMicros: number, exposures: number): AuctionResult {
    const { response } = this.scenario;
    const runnerUp = Math.max(auction.rivalMicros, auction.floorMicros);
    const minToWinMicros = runnerUp + STEP_MICROS;
    const won = bidMicros >= minToWinMicros;
    const clickProbability = Math.min(1, response.clickRate * auction.user.interest * response.fatigue ** exposures);
    const clicked = won && auction.clickDraw < clickProbability;
    return {
      won,
      clearingMicros: won ? (auction.auctionType === 1 ? bidMicros : minToWinMicros) : 0,
      minToWinMicros,
      clickProbability,
      clicked,
      converted: clicked && auction.conversionDraw < response.conversionRate,
    };
  }

  private openRtb(
    number: number,
    user: MarketUser,
    at: 1 | 2,
    slot: { format: FormatShare; size: { w: number; h: number } },
    floorMicros: number,
    placeDraw: number,
  ): Record<string, unknown> {
    const id = `${(this.seed >>> 0).toString(36)}-${number.toString(36)}`;
    const isApp = user.isMobile && placeDraw < 0.5;
    const place = isApp
      ? { app: { id: 'app-1', bundle: APPS[number % APPS.length], publisher: { id: 'pub-2' } } }
      : {
          site: {
            id: 'site-1',
            domain: PAGES[number % PAGES.length],
            page: `https://${PAGES[number % PAGES.length]}/`,
            publisher: { id: 'pub-1' },
          },
        };
    return {
      id,
      at,
      tmax: 150,
      cur: ['USD'],
      ...place,
      imp: [
        {
          id: '1',
          secure: 1,
          ...(floorMicros > 0 && { bidfloor: floorMicros / 1e6, bidfloorcur: 'USD' }),
          ...offerOf(slot.format.format, slot.size, placeDraw < 0.4 ? 1 : 3),
        },
      ],
      device: {
        devicetype: user.isMobile ? 4 : 2,
        os: user.isMobile ? 'Android' : 'Linux',
        language: 'en',
        geo: { country: user.country },
      },
      ...(user.hasId && { user: { id: user.id } }),
      ...(!user.hasConsent && { regs: { gdpr: 1 } }),
    };
  }
}
