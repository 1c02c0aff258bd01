import { winProbability } from '../agents/bid/win-law';
import { shadowMean, type ShadowCalibration, type WinMiss } from './shadow-pairs';

/** One first-price bid of the champion's that a shadow also priced, with its mature outcome. */
export interface ShadowedBid {
  /** Hash bucket of the user: bids of one bucket are not independent. */
  unit: number;
  bidMicros: number;
  won: boolean;
  mu: number;
  sigma: number;
  /** The champion's law; sigma 0 when a heuristic decided. */
  championMu: number;
  championSigma: number;
}

/** Observed wins per predicted win may be off by this factor, either way: generous, since the canary judges value. */
const MAX_FACTOR = 2;
/** And so may the win share: where most bids win, no ratio shows a law that says they all do. */
const MAX_DIFFERENCE = 0.25;
/** Below these nothing is said. */
const MIN_BIDS = 200;
const MIN_PREDICTED_WINS = 20;
const MIN_UNITS = 20;
const BINS = 10;

/**
 * Compares F(b|x) at the price that was really bid with the share that won. `beyond` only when a whole interval is: observed per
 * predicted outside [1/2, 2], or observed minus predicted outside ± 0.25; and the champion's own law is not as far off the same way:
 * then notices are missing or the market has moved, which is not the candidate's fault.
 */
export class ShadowCalibrator {
  private readonly units = new Map<number, { n: number; won: number; predicted: number; champion: number }>();
  private readonly bins = Array.from({ length: BINS }, () => ({ n: 0, won: 0, predicted: 0 }));
  private everyChampionLaw = true;

  add({ unit, bidMicros, won, mu, sigma, championMu, championSigma }: ShadowedBid): void {
    const predicted = winProbability(bidMicros, mu, sigma);
    if (!(championSigma > 0)) this.everyChampionLaw = false;
    const sums = this.units.get(unit) ?? { n: 0, won: 0, predicted: 0, champion: 0 };
    const bin = this.bins[Math.min(BINS - 1, Math.floor(predicted * BINS))];
    for (const each of [sums, bin]) {
      each.n += 1;
      each.won += won ? 1 : 0;
      each.predicted += predicted;
    }
    if (championSigma > 0) sums.champion += winProbability(bidMicros, championMu, championSigma);
    this.units.set(unit, sums);
  }

  result(): ShadowCalibration {
    const all = [...this.units.values()];
    const n = sum(all.map((one) => one.n));
    const predicted = sum(all.map((one) => one.predicted));
    const isEnough = n >= MIN_BIDS && predicted >= MIN_PREDICTED_WINS && all.length >= MIN_UNITS;
    const miss = (of: (one: (typeof all)[number]) => number): WinMiss | null => {
      if (!isEnough) return null;
      const ratio = shadowMean(all.map((one) => ({ numerator: one.won, denominator: of(one) })));
      const difference = shadowMean(all.map((one) => ({ numerator: one.won - of(one), denominator: one.n })));
      return ratio === null || difference === null ? null : { ratio, difference };
    };
    const candidate = miss((one) => one.predicted);
    const champion = this.everyChampionLaw ? miss((one) => one.champion) : null;
    const errors = this.bins.map((bin) => Math.abs(bin.won - bin.predicted));
    return {
      verdict: candidate === null ? 'no-data' : isBeyond(candidate, champion) ? 'beyond' : 'within',
      n,
      predictedWinShare: n === 0 ? 0 : predicted / n,
      observedWinShare: n === 0 ? 0 : sum(all.map((one) => one.won)) / n,
      candidate,
      champion,
      ece: n === 0 ? 0 : sum(errors) / n,
    };
  }
}

function isBeyond(candidate: WinMiss, champion: WinMiss | null): boolean {
  const isOff = (of: keyof WinMiss, low: number, high: number): boolean => {
    const other = champion?.[of].mean;
    const isLow = candidate[of].upper < low && !(other !== undefined && other < low);
    return isLow || (candidate[of].lower > high && !(other !== undefined && other > high));
  };
  return isOff('ratio', 1 / MAX_FACTOR, MAX_FACTOR) || isOff('difference', -MAX_DIFFERENCE, MAX_DIFFERENCE);
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
