/**
 * Canary: whether this edge may serve the canary arm, and to which share of users. The share is a lease of two minutes that
 * the rollout's guard renews; nobody has to be alive to end it.
 */
export * from './canary-lease';
