/**
 * Validation: may this window teach? Rows that repeat, contradict or come from fraud are left out, counted; what is left must be
 * enough, fresh, mature and free of its own labels.
 */
export * from './clean-rows';
export * from './data-report';
export * from './leakage';
export * from './validate-window';
export * from './window-bid';
