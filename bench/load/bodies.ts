import { Market, type Scenario } from '#domain/market';

/** Bodies sent in turn (edge.md: 48). */
export const BODIES = 48;
/** Lengths that the anchors were measured with, bytes: a lean request, and one as rich as large exchanges send. */
export const LEAN_BYTES = 1350;
export const RICH_BYTES = 3000;
/** The generator overwrites these digits before each send, so that caps and arms see many users. */
export const USER_DIGITS = 'user-00000000';

const UA =
  'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36';

/** What an exchange sends beside the market's own fields. */
const dressed = (request: Record<string, unknown>, n: number): Record<string, unknown> => ({
  ...request,
  user: { ...(request.user as object), id: USER_DIGITS },
  device: { ua: UA, ip: '203.0.113.0', language: 'en', model: 'Pixel 8', osv: '14', ...(request.device as object) },
  source: { tid: `0f8fad5b-d9cb-469f-a165-${String(n).padStart(12, '0')}`, fd: 0 },
  test: 0,
  allimps: 0,
});

/** Pads a body with the key-values that publishers send until it has `bytes`. */
function padded(request: Record<string, unknown>, bytes: number): string {
  const keyValues: Record<string, string> = {};
  const withExt = () => JSON.stringify({ ...request, ext: { kv: keyValues } });
  for (let n = 0; withExt().length + 24 < bytes; n++) keyValues[`key${n}`] = `value-${n}`;
  return withExt();
}

/** The bodies of a bid path: requests of the scenario's market, all eligible. */
export function bidBodies(scenario: Scenario, seed: number, bytes = LEAN_BYTES): string[] {
  const market = new Market(scenario, seed);
  return Array.from({ length: BODIES }, (_, n) => padded(dressed(market.next().request, n), bytes));
}

/** The same requests from a page whose publisher blocks every advertiser of ours: vetoed before any model runs. */
export function noBidBodies(scenario: Scenario, seed: number, domains: readonly string[]): string[] {
  return bidBodies(scenario, seed).map((body) =>
    JSON.stringify({ ...(JSON.parse(body) as Record<string, unknown>), badv: domains }),
  );
}
