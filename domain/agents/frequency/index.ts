/**
 * Frequency agent: hard caps that nothing overrules, and a fatigue factor on value. Baseline: base^f.
 * Policy: FrequencyParams. State: exposure counters, kept by the serving process.
 */
export * from './fatigue';
export * from './hard-cap';
export * from './reward';
export * from './saturation';
