/**
 * Lake: what a sealed segment says, as sums, columns and sentences. Pure; Postgres, files and DuckDB are the control
 * plane's. Sums are mergeable: any split into segments, order or repetition of events ends in the same numbers.
 */
export * from './attributed-outcome';
export * from './decision-columns';
export * from './explain-decision';
export * from './kpi-tables';
export * from './segment-content';
export * from './segment-sums';
export * from './win-window';
