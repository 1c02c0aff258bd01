/**
 * Rollout: what a plan may say, what a look at a canary means, and which step follows. Pure; workflows decide when to ask.
 * Workflows import `next-step`, `command-precedence` and `shadow-latency` alone (no schema code); everything here may run in activities, the control plane and tests.
 */
export * from './catastrophe-lane';
export * from './command-precedence';
export * from './design-effect';
export * from './feasibility';
export * from './forecast-score';
export * from './look';
export * from './metric-catalogue';
export * from './metric-test';
export * from './next-step';
export * from './plan-lint';
export * from './rejudge';
export * from './rejudge-policy';
export * from './release-hold';
export * from './shadow-calibration';
export * from './shadow-latency';
export * from './shadow-pairs';
export * from './simulated-canary';
export * from './stage-sums';
export * from './stored-look';
export * from './verdict';
