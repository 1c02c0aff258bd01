/** Local reward of one more exposure: its incremental value less the annoyance proxy, exposures beyond the first of a day. */
export function frequencyReward(
  incrementalValue: number,
  exposures24h: number,
  wFatigue: number,
  valuePerClick: number,
): number {
  return incrementalValue - wFatigue * Math.max(0, exposures24h - 1) * valuePerClick;
}
