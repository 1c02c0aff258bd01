/**
 * Features: what the models see of a request, its user and its place, computed by the same code in the edge, in replay and in training.
 * `bid-features` is the bid model's row, one per impression, the same for every candidate and every arm; `feature-definitions` says what the others are.
 */
export * from './bid-features';
export * from './feature-definitions';
export * from './point-in-time';
export * from './request-features';
export * from './user-history';
