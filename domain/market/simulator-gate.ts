import type { Forecast, GateResult } from '../contracts/model-manifest';
import type { MarketReport } from './compare-arms';

/** Fewest bids of the candidate that a market run must have made to say anything. */
const MIN_BIDS = 200;

/**
 * The simulator gate: the candidate must not lose more than `margin` of the champion's value per eligible request. The lower end
 * of the interval is judged, so noise is never a pass; a run without bids is never a pass either.
 */
export function judgeSimulation(report: MarketReport, margin: number): GateResult {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  const range = `${percent(report.effect)} value [${percent(report.low)}, ${percent(report.high)}]`;
  const where = `${report.auctions} auctions × ${report.seeds.length} seeds, regime ${report.regime}`;
  const base = { gate: 'simulator' as const, value: finite(report.low), bound: -margin, n: report.candidate.eligible };
  if (report.candidate.bids < MIN_BIDS) {
    return {
      ...base,
      passed: false,
      reason: `only ${report.candidate.bids} bids in ${where}: no data is never a pass`,
    };
  }
  const passed = report.low > -margin;
  const forecast = forecastOf(report);
  return {
    ...base,
    ...(forecast === null ? {} : { forecast }),
    passed,
    reason: `${range} against the champion over ${where}; may lose at most ${percent(margin)}`,
  };
}

/** What the market says the canary will find; null where an effect is unbounded. */
function forecastOf({ effect, low, high, confidence }: MarketReport): Forecast | null {
  if (![effect, low, high].every(Number.isFinite)) return null;
  return { source: 'simulator', metric: 'value', relativeEffect: effect, lower: low, upper: high, confidence };
}

/** The manifest is JSON: an unbounded effect (a champion without any value) is written as a large number. */
const finite = (value: number): number => (Number.isFinite(value) ? value : Math.sign(value) * 1e9);
