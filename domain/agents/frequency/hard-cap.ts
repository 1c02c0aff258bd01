/** Whether one more impression would exceed a hard cap. A count that is no number fails closed. */
export const isCapReached = (count: number, maxImpressions: number): boolean => !(count < maxImpressions);
