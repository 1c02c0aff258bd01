/**
 * Local reward of one bid: (v′ − price)·win, less a penalty for shading below the segment's minimum bid bar. All in CPM micros.
 */
export function bidReward(
  valueMicros: number,
  priceMicros: number,
  won: boolean,
  barMicros: number,
  wBar: number,
): number {
  const margin = won ? valueMicros - priceMicros : 0;
  return margin - wBar * Math.max(0, barMicros - priceMicros);
}
