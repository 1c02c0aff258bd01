/**
 * Histories: what users saw and clicked, for the features of a decision (domain/features). In this process (`EmbeddedHistories`), journalled with the
 * edge's state; or in a Redis that edges share (`RedisHistories`), whose answers are not waited for.
 */
export { EmbeddedHistories } from './embedded-histories';
export { historyBytes } from './history-sets';
export { openHistories, type HistorySettings } from './open-histories';
export { RedisHistories } from './redis-histories';
export { RedisLink } from './redis-link';
export { PACKED_HISTORY, packHistory, unpackHistory } from './packed-history';
export type { SavedGap, SavedHistory, UserHistories } from './user-histories';
