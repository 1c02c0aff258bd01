/** Upper bounds of the floor buckets, CPM micros, with their labels in the shading table. */
const BUCKETS: readonly (readonly [number, string])[] = [
  [1, '0'],
  [100_000, '<0.1'],
  [250_000, '<0.25'],
  [500_000, '<0.5'],
  [1_000_000, '<1'],
  [2_000_000, '<2'],
  [4_000_000, '<4'],
];

/** Floor bucket of a shading table key, by the floor in CPM micros: '0', '<0.1' … '<4', '4+' (USD). */
export function floorBucketOf(floorMicros: number): string {
  for (const [below, label] of BUCKETS) if (floorMicros < below) return label;
  return '4+';
}

/**
 * Share of value that the baseline bids, by exchange, size and floor bucket; `*` is the default and 1 (no shading) the last
 * resort (agents.md, "Bid agent", fallback).
 */
export function shadeOf(
  table: Readonly<Record<string, number>>,
  exchange: string,
  size: string,
  floorMicros: number,
): number {
  return table[`${exchange}|${size}|${floorBucketOf(floorMicros)}`] ?? table['*'] ?? 1;
}

/** The campaign's hard-coded last resort within floor and cap, CPM micros; 0 = no bid. */
export function safeBid(safeBidMicros: number, floorMicros: number, capMicros: number): number {
  const price = Math.min(safeBidMicros, capMicros);
  return price >= Math.max(1, floorMicros) ? price : 0;
}
