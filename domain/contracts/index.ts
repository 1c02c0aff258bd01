/**
 * Contracts: every message that crosses a border of Adloop, each with a version.
 * Types are inferred from zod schemas where the border is not hot; the edge's hot path uses the types only.
 */
export * from './agent';
export * from './agent-intents';
export * from './approval';
export * from './attribution';
export * from './budget-lease';
export * from './campaign';
export * from './campaign-weights';
export * from './canonical-json';
export * from './creative';
export * from './decision-record';
export * from './default-plan';
export * from './edge-protocol';
export * from './edge-status';
export * from './exchange';
export * from './experiment';
export * from './intent';
export * from './invoice-report';
export * from './key-file';
export * from './kill-order';
export * from './kpi-rollup';
export * from './manifest-seal';
export * from './model-manifest';
export * from './no-bid-reason';
export * from './normalised-request';
export * from './outcome';
export * from './packed';
export * from './policy-snapshot';
export * from './problem';
export * from './rollout';
export * from './segment';
export * from './signed';
export * from './user-features';
export * from './weight-ranges';
