/**
 * Features: what the models see of a request. One row per impression, the same for every candidate and every arm, computed
 * by the same code in the edge, in replay and in training.
 */
export * from './bid-features';
