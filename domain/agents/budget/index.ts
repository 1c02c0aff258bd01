/**
 * Budget agent: paces spend per campaign and day by one multiplier (traffic-aware PID) and, below its floor, by throttling.
 * Policy: BudgetParams. State: PacingState, kept by the caller per campaign and arm; step it every second.
 */
export * from './pacing';
export * from './reward';
export * from './traffic-clock';
export * from './allocate-day';
export * from './pacing-target';
