import type { Logger } from '../log';
import type { EdgeMetrics } from '../metrics';
import { EmbeddedHistories } from './embedded-histories';
import { RedisHistories } from './redis-histories';
import { RedisLink } from './redis-link';
import type { UserHistories } from './user-histories';

export interface HistorySettings {
  fleet: string;
  maxUserHistories: number;
  /** Null: histories are kept in this process. */
  redisUrl: string | null;
  redisPassword: string | null;
  redisTimeoutMs: number;
}

/**
 * The store that the settings name. Nothing is connected before its `start`.
 * @param memory of all threads of this edge, where it has several and keeps histories itself
 */
export function openHistories(
  settings: HistorySettings,
  metrics: EdgeMetrics,
  log: Logger,
  memory?: SharedArrayBuffer,
): UserHistories {
  const { fleet, maxUserHistories, redisUrl, redisPassword, redisTimeoutMs } = settings;
  if (redisUrl === null) return new EmbeddedHistories(maxUserHistories, memory);
  const link = new RedisLink({
    url: redisUrl,
    password: redisPassword,
    onFault: (code) => {
      // Every attempt is counted, the first of each kind told.
      if (metrics.redisFaults.count(code) === 0) log.warn({ code }, 'Redis: the histories of users cannot be asked');
      metrics.redisFaults.add(1, code);
    },
    onState: (isUp) => log.info({ isUp }, 'Redis of the histories of users'),
  });
  return new RedisHistories({
    link,
    limitMs: redisTimeoutMs,
    prefix: `adloop:${fleet}:user:`,
    onLookup: (seconds) => metrics.historyLookups.observe(seconds),
    onWrites: (result, count) => metrics.historyWrites.add(count, result),
    onWriteFault: (code) => metrics.redisFaults.add(1, code),
  });
}
