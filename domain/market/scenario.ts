import { z } from 'zod';

const share = z.number().min(0).max(1);

/** One exchange of the market: how often it is drawn and how it sells. */
const exchangeSchema = z.strictObject({
  exchange: z.string().min(1),
  weight: z.number().positive(),
  auctionType: z.union([z.literal(1), z.literal(2)]),
  /** Share of impressions with a floor, and the floor's median, USD CPM. */
  floorShare: share,
  floorMedianUsd: z.number().positive(),
  disclosesMinToWin: z.boolean(),
  /** Added to the rivals' mean ln price. */
  lnPriceEffect: z.number(),
});

/** One format of the market: how often it is drawn, and what that does to the rivals' mean ln price. */
const formatSchema = z.strictObject({
  format: z.enum(['banner', 'video', 'audio', 'native']),
  weight: z.number().positive(),
  lnPriceEffect: z.number().default(0),
});

const regimeSchema = z.strictObject({
  /** Multiplies requests per second. */
  trafficFactor: z.number().positive().default(1),
  /** Multiplies the rivals' prices. */
  priceFactor: z.number().positive().default(1),
  floorFactor: z.number().positive().default(1),
});

/** A market as a file: everything that a seeded run needs. Delays in milliseconds, prices in USD CPM. */
export const scenarioSchema = z.strictObject({
  version: z.literal(1),
  name: z.string().min(1),
  /** Said wherever figures of this scenario are shown. */
  label: z.string().min(1),
  seed: z.number().int(),
  startAt: z.iso.datetime(),
  requestsPerSecond: z.number().positive(),
  users: z.strictObject({
    count: z.number().int().min(100).max(1_000_000),
    withoutIdShare: share,
    /** Share of users under GDPR who gave no consent. */
    withoutConsentShare: share,
    mobileShare: share,
    countries: z.array(z.strictObject({ country: z.string().length(3), weight: z.number().positive() })).min(1),
    /** Deviation of the log of a user's interest around the mean click rate. */
    interestSigma: z.number().min(0),
  }),
  exchanges: z.array(exchangeSchema).min(1),
  sizes: z.array(z.strictObject({ w: z.number().int(), h: z.number().int(), weight: z.number().positive() })).min(1),
  /** Formats that are offered; absent = banners alone. `sizes` are those of banners. */
  formats: z.array(formatSchema).min(1).optional(),
  rivals: z.strictObject({
    medianUsd: z.number().positive(),
    sigma: z.number().positive(),
    mobileEffect: z.number(),
    areaEffect: z.number(),
  }),
  response: z.strictObject({
    /** Clicks per impression of an average user who has not seen the ad. */
    clickRate: share,
    /** Factor per earlier exposure of the user to the creative. */
    fatigue: share,
    clickDelayMs: z.number().nonnegative(),
    conversionRate: share,
    conversionDelayMs: z.number().nonnegative(),
  }),
  notices: z.strictObject({ delayMs: z.number().nonnegative(), lossShare: share }),
  regimes: z.record(z.string(), regimeSchema),
});
export type Scenario = z.infer<typeof scenarioSchema>;
export type Regime = z.infer<typeof regimeSchema>;

/** A scenario that cannot be run, with every fault. */
export class ScenarioError extends Error {
  readonly code = 'BAD_SCENARIO';

  constructor(readonly faults: { pointer: string; detail: string }[]) {
    super(`the scenario has faults: ${faults.map((fault) => `${fault.pointer} ${fault.detail}`).join('; ')}`);
    this.name = 'ScenarioError';
  }
}

/** Reads a scenario. @throws ScenarioError listing every fault */
export function parseScenario(raw: unknown): Scenario {
  const result = scenarioSchema.safeParse(raw);
  if (result.success) return result.data;
  throw new ScenarioError(
    result.error.issues.map((issue) => ({ pointer: `/${issue.path.map(String).join('/')}`, detail: issue.message })),
  );
}

const STATIONARY: Regime = { trafficFactor: 1, priceFactor: 1, floorFactor: 1 };

/** A regime by name; `stationary` always exists. @throws ScenarioError for an unknown name */
export function regimeOf(scenario: Scenario, name: string): Regime {
  const regime = scenario.regimes[name] ?? (name === 'stationary' ? STATIONARY : null);
  if (regime) return regime;
  const known = ['stationary', ...Object.keys(scenario.regimes)].join(', ');
  throw new ScenarioError([{ pointer: '/regimes', detail: `has no "${name}"; there are ${known}` }]);
}
