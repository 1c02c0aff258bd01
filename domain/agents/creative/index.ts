/**
 * Creative agent: picks one ad variant of a campaign. Baseline: best smoothed click rate with a uniform exploration floor, so
 * that every propensity is exact. Policy: CreativeParams. State: clicks and impressions per creative (in the snapshot).
 */
export * from './choose-creative';
export * from './reward';
export * from './smoothed-rate';
export * from './explore-allowance';
