/**
 * Matching: which campaigns may bid on an impression at all, and why the others may not.
 * All hard vetoes run here, before any draw (agents.md, coordination steps 0 and 1).
 */
export * from './build-serving-index';
export * from './intent-index';
export * from './match';
export * from './served-campaign';
export * from './serving-index';
export * from './state-reader';
export * from './tuned-policies';
export * from './snapshot-under-test';
