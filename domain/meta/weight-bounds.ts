import { WEIGHTS, type WeightName } from '../contracts/weight-ranges';

/** One change of one weight of one campaign. */
export interface WeightMove {
  atMs: number;
  from: number;
  to: number;
}

/** At most 10 % in any 24 hours and 25 % in any 7 days, in logarithms (agents.md, "Weights the meta-agent may tune"). */
export const DAY_ROOM = Math.log(1.1);
export const WEEK_ROOM = Math.log(1.25);
const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
/** Weights below this count as this much: a logarithm cannot reach the 0 of w_fatigue. */
const LOG_FLOOR = 0.01;
/** Rounding of a sum of logarithms must not forbid a step that fits exactly. */
const SLACK = 1e-12;

/** How far apart two values of a weight are: |ln(to / from)|. */
export const weightDistance = (from: number, to: number): number =>
  Math.abs(Math.log(Math.max(to, LOG_FLOOR)) - Math.log(Math.max(from, LOG_FLOOR)));

/** Room that is left now, as a logarithm >= 0. Every move counts, also one that was taken back. */
export function weightRoom(moves: readonly WeightMove[], nowMs: number): number {
  const used = (lengthMs: number) =>
    moves
      .filter((move) => move.atMs > nowMs - lengthMs)
      .reduce((sum, move) => sum + weightDistance(move.from, move.to), 0);
  return Math.max(0, Math.min(DAY_ROOM - used(DAY_MS), WEEK_ROOM - used(WEEK_MS)));
}

/** Lowest and highest value that the weight may be given now. */
export function reachableWeights(
  name: WeightName,
  current: number,
  moves: readonly WeightMove[],
  nowMs: number,
): { least: number; most: number } {
  const { least, most } = WEIGHTS[name];
  const factor = Math.exp(weightRoom(moves, nowMs));
  const base = Math.max(current, LOG_FLOOR);
  const low = base / factor;
  return {
    // From the logarithm's floor the rest of the way to 0 is free.
    least: Math.max(least, low <= LOG_FLOOR ? 0 : Math.min(current, low)),
    most: Math.min(most, Math.max(current, base * factor)),
  };
}

/** Whether `wanted` may be set now: inside the declared range and the room that is left. */
export function mayReach(
  name: WeightName,
  current: number,
  wanted: number,
  moves: readonly WeightMove[],
  nowMs: number,
): boolean {
  const { least, most } = WEIGHTS[name];
  return wanted >= least && wanted <= most && weightDistance(current, wanted) <= weightRoom(moves, nowMs) + SLACK;
}

/** The reachable value nearest to `wanted`. */
export function boundedWeight(
  name: WeightName,
  current: number,
  wanted: number,
  moves: readonly WeightMove[],
  nowMs: number,
): number {
  const { least, most } = reachableWeights(name, current, moves, nowMs);
  return Math.min(most, Math.max(least, wanted));
}
