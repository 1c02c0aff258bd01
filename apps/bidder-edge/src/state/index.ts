/**
 * State that adapts while a policy serves: budget grants, reservations, frequency caps, pacing, live counters and the
 * idempotency guard of notices. All of it lives in this process's memory and is rebuilt from the state journal.
 */
export * from './budget-ledger';
export * from './clock-steps';
export * from './edge-state';
export * from './exploration';
export * from './frequency-counts';
export * from './grant-intake';
export * from './journal';
export * from './live-counters';
export * from './notice-guard';
export * from './pacing';
export * from './reservations';
export * from './standalone-grants';
export * from './state-view';
