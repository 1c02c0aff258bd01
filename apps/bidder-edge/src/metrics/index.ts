/**
 * Metrics: own counters and a fixed-bucket histogram, printed in Prometheus' text format on demand. The hot path only adds
 * to numbers.
 */
export * from './counters';
export * from './latency-histogram';
export * from './answer-quality';
export * from './campaign-counts';
export * from './event-loop-lag';
export * from './stage-latency';
export * from './edge-metrics';
