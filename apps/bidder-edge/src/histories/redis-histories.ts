import type { UserFeatures } from '#domain/contracts';
import { HISTORY_TTL_MS, NO_VALUES, userValues, type UserEvent, type UserEventKind } from '#domain/features';
import { Breaker } from '../inference/breaker';
import { Gauge } from '../metrics';
import { HELD_CLICKS, HELD_EXPOSURES } from './history-sets';
import { faultCode, type RedisClient, type RedisLink } from './redis-link';
import type { UserHistories } from './user-histories';
import { WriteBacklog } from './write-backlog';

/** Commands on their way beyond which no lookup is sent: the server is behind, and more would only wait. */
const MAX_PENDING = 1024;
/** Events that wait for a server that is away: some minutes of notices, 2 MB. */
const MAX_WAITING = 20_000;
const BATCH = 100;
const RETRY_MS = 200;
/** How long no lookup is sent after several in a row went wrong; then one tries. */
const OPEN_MS = 1000;
const FLUSH_MS = 500;
const HELD: Record<UserEventKind, number> = { exposure: HELD_EXPOSURES, click: HELD_CLICKS };
const LETTER: Record<UserEventKind, string> = { exposure: 'e', click: 'c' };

export interface RedisHistoriesPorts {
  link: Pick<RedisLink, 'ready' | 'pending' | 'counted' | 'start' | 'stop'>;
  /** Longest time of one lookup, ms. */
  limitMs: number;
  /** Before every key; edges that share a fleet's users share it. */
  prefix: string;
  /** A lookup that was sent ended, answered in time or not. */
  onLookup(seconds: number): void;
  onWrites(result: 'written' | 'dropped', count: number): void;
  onWriteFault(code: string): void;
}

/**
 * Histories in a Redis that edges share: per user and kind a sorted set of event ids by time, of the newest, gone 7 days after the last. One pipelined read per
 * lookup, with a limit after which the decision goes on without; writes behind the notices' backs, in order, again until they are taken.
 */
export class RedisHistories implements UserHistories {
  readonly scope = 'fleet';
  readonly limitMs: number;
  private readonly breaker = new Breaker(OPEN_MS);
  private readonly backlog: WriteBacklog<UserEvent>;

  constructor(private readonly ports: RedisHistoriesPorts) {
    this.limitMs = ports.limitMs;
    this.backlog = new WriteBacklog<UserEvent>({
      ...{ maxWaiting: MAX_WAITING, batch: BATCH, retryMs: RETRY_MS },
      write: (events) => this.write(events),
      onWritten: (count) => ports.onWrites('written', count),
      onDropped: (count) => ports.onWrites('dropped', count),
      onFailed: (error) => ports.onWriteFault(faultCode(error)),
    });
  }

  start(): void {
    this.ports.link.start();
  }

  /** Writes what waits, for a moment, and ends the connection. */
  async stop(): Promise<void> {
    await this.backlog.close(FLUSH_MS);
    this.ports.link.stop();
  }

  /** Everything noted so far is in the store, or the time is over. */
  flush(withinMs: number): Promise<void> {
    return this.backlog.flush(withinMs);
  }

  read(userKey: string, nowMs: number): UserFeatures | Promise<UserFeatures> {
    const { link } = this.ports;
    const client = link.ready;
    if (client === null || link.pending >= MAX_PENDING) return NO_VALUES.fleet.unreachable;
    const startedAtMs = performance.now();
    if (!this.breaker.allows(startedAtMs)) return NO_VALUES.fleet.unreachable;
    return this.lookUp(client, userKey, nowMs, startedAtMs);
  }

  note(event: UserEvent): void {
    this.backlog.add(event);
  }

  /** The store outlives this process: nothing is restored, and nothing checkpointed. */
  restore(): void {}
  load(): void {}
  dump(): [] {
    return [];
  }

  gauges(): Gauge[] {
    return [
      new Gauge('adloop_edge_redis_up', '1 when the Redis of histories can be asked.', () =>
        Number(this.ports.link.ready !== null),
      ),
      new Gauge('adloop_edge_user_history_backlog', 'Events that wait for Redis.', () => this.backlog.length),
    ];
  }

  /** Resolves when the answer is there or the limit is reached, whichever is first; never rejects. */
  private lookUp(client: RedisClient, userKey: string, nowMs: number, startedAtMs: number): Promise<UserFeatures> {
    return new Promise((resolve) => {
      let isOver = false;
      const end = (features: UserFeatures): void => {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        if (features.state === 'known') this.breaker.onSuccess();
        else this.breaker.onFault(performance.now());
        this.ports.onLookup((performance.now() - startedAtMs) / 1000);
        resolve(features);
      };
      const timer = setTimeout(() => end(NO_VALUES.fleet.late), this.limitMs);
      const times = (kind: UserEventKind): Promise<{ score: number }[]> =>
        client.zRangeWithScores(this.keyOf(userKey, kind), 0, -1);
      this.ports.link.counted(2, Promise.all([times('exposure'), times('click')])).then(
        ([exposures, clicks]) => {
          const [exposuresMs, clicksMs] = [exposures.map(timeOf), clicks.map(timeOf)];
          const values = userValues(exposuresMs, exposuresMs.length, clicksMs, clicksMs.length, nowMs);
          end({ state: 'known', scope: 'fleet', values });
        },
        () => end(NO_VALUES.fleet.unreachable),
      );
    });
  }

  /** The same event written twice is one; in whatever order, the newest stay. */
  private async write(events: readonly UserEvent[]): Promise<void> {
    const { link } = this.ports;
    const client = link.ready;
    if (client === null) throw new Error('AWAY: no connection');
    const replies = events.flatMap(({ kind, userKey, atMs, eventId }) => {
      const key = this.keyOf(userKey, kind);
      return [
        client.zAdd(key, { score: atMs, value: eventId }),
        client.zRemRangeByRank(key, 0, -(HELD[kind] + 1)),
        client.pExpire(key, HISTORY_TTL_MS),
      ];
    });
    await link.counted(replies.length, Promise.all(replies));
  }

  /** The user in braces: both keys lie in one slot of a cluster. */
  private keyOf(userKey: string, kind: UserEventKind): string {
    return `${this.ports.prefix}{${userKey}}:${LETTER[kind]}`;
  }
}

const timeOf = ({ score }: { score: number }): number => score;
