/**
 * Experiments: two policies compared on split traffic and split budgets, with a plan that is fixed before the start. Pure.
 * Workflows import `next-step` and `subject` alone (no schema code); looks reuse the rollout's own verdict.
 */
export * from './look';
export * from './next-step';
export * from './plan-lint';
export * from './power';
export * from './readout';
export * from './readout-sentence';
export * from './subject';
export * from './simulated-arms';
