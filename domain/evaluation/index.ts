/**
 * Evaluation: statistics of live comparisons (anytime-valid, ratio metrics, SRM, CUPED) and off-policy estimators.
 * Pure functions of sums and rows; formulas and golden numbers as in the statistics design, checked by the tests beside them.
 */
export * from './adaptive-window';
export * from './answer-comparison';
export * from './bootstrap';
export * from './change-detectors';
export * from './confidence-sequence';
export * from './cuped';
export { chiSquareQuantile, chiSquareTail, logGamma } from './gamma-function';
export * from './importance-weights';
export * from './kolmogorov-law';
export * from './kolmogorov-smirnov';
export * from './latency-histogram';
export * from './logged-feedback';
export * from './non-inferiority';
export * from './normal-distribution';
export * from './off-policy-estimators';
export * from './off-policy-report';
export * from './paired-off-policy';
export * from './population-stability';
export * from './ratio-metric';
export * from './sample-ratio';
export * from './seeded-random';
export * from './student-t';
export * from './tabular-policy';
