/**
 * State that adapts while a policy serves: budget grants, reservations, frequency caps, pacing, live counters and the
 * idempotency guard of notices. All of it lives in this process's memory, what several threads change in memory that they share, and is rebuilt from the
 * state journal.
 */
export * from './account';
export * from './account-rows';
export * from './budget-ledger';
export * from './clock-steps';
export * from './decision-state';
export * from './edge-state';
export * from './exploration';
export * from './frequency-counts';
export * from './grant-intake';
export * from './journal';
export * from './lane-budgets';
export * from './late-bills';
export * from './live-counters';
export * from './notice-guard';
export * from './pacing';
export * from './packed-reservation';
export * from './reservation';
export * from './reservations';
export * from './shared-memory';
export * from './standalone-grants';
export * from './state-view';
export * from './thread-state';
