/**
 * Histories: what users saw and clicked, for the features of a decision (domain/features). In this process (`EmbeddedHistories`), journalled with the
 * edge's state.
 */
export { EmbeddedHistories } from './embedded-histories';
export { historyBytes } from './history-sets';
export { PACKED_HISTORY, packHistory, unpackHistory } from './packed-history';
export type { SavedGap, SavedHistory, UserHistories } from './user-histories';
