import { initialPacing, stepPacing, trafficClock } from '../agents/budget';
import type { BudgetParams } from '../contracts/agent';
import { seededNormal, seededRandom } from '../evaluation/seeded-random';

const GRID = { kp: [1, 4, 15, 40], ki: [0.2, 10, 60], kd: [0, 0.1] };
const STEPS_PER_HOUR = 60;
const HOUR_MS = 3_600_000;
/** Spend that one unit of multiplier brings when the whole day is at m = 1, as a share of the plan. */
const NATURAL_SPEND = 1.25;
/** Log-normal noise of the spend of one minute. */
const NOISE = 0.3;

export interface PidFit {
  params: BudgetParams;
  /** Root mean square of planned minus spent share of the day's budget, of the chosen gains and of those in `base`. */
  pacingRmse: number;
  basePacingRmse: number;
  daysSimulated: number;
}

/**
 * Chooses PID gains for a traffic profile: every gain of a small grid paces the same seeded days (spend follows traffic × m ×
 * noise), and the one with the least pacing error wins; ties keep the earlier, gentler gains.
 */
export function fitPidGains(base: BudgetParams, trafficShares: readonly number[], seed: number, days = 3): PidFit {
  const profile = { ...base, trafficShares: [...trafficShares] };
  const rmseOf = (params: BudgetParams) => pacingRmse(params, seed, days);
  let best = { params: profile, rmse: rmseOf(profile) };
  const basePacingRmse = best.rmse;
  for (const kp of GRID.kp) {
    for (const ki of GRID.ki) {
      for (const kd of GRID.kd) {
        const params = { ...profile, kp, ki, kd };
        const rmse = rmseOf(params);
        if (rmse < best.rmse) best = { params, rmse };
      }
    }
  }
  return { params: best.params, pacingRmse: best.rmse, basePacingRmse, daysSimulated: days };
}

/** Root mean square pacing error over simulated days. */
function pacingRmse(params: BudgetParams, seed: number, days: number): number {
  const normal = seededNormal(seededRandom(seed));
  let square = 0;
  let n = 0;
  for (let day = 0; day < days; day++) {
    let state = initialPacing(String(day), 0);
    let spent = 0;
    const shares = params.trafficShares.slice(day * 24, day * 24 + 24);
    const total = shares.reduce((sum, share) => sum + share, 0) || 1;
    for (let minute = 0; minute < 24 * STEPS_PER_HOUR; minute++) {
      const hour = Math.floor(minute / STEPS_PER_HOUR);
      const msIntoHour = ((minute % STEPS_PER_HOUR) * HOUR_MS) / STEPS_PER_HOUR;
      const clock = trafficClock(params.trafficShares, day, hour, msIntoHour);
      const traffic = shares[hour] / total / STEPS_PER_HOUR;
      spent +=
        NATURAL_SPEND * traffic * state.multiplier * state.passThrough * Math.exp(NOISE * normal() - NOISE ** 2 / 2);
      const nowMs = (minute * HOUR_MS) / STEPS_PER_HOUR;
      state = stepPacing(params, state, { nowMs, day: String(day), clock, planNanos: 1e12, spentNanos: spent * 1e12 });
      square += (clock - spent) ** 2;
      n++;
    }
  }
  return Math.sqrt(square / n);
}
