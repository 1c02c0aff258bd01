import type { ExchangeSettings } from '#domain/contracts';
import type { EdgeRequest } from '../server/message';
import type { LiveSnapshot } from '../snapshot/live-snapshot';

/** A bid request that arrived, before anything is known of its body. Times are monotonic milliseconds. */
export interface Received {
  live: LiveSnapshot;
  exchange: ExchangeSettings;
  body: Buffer;
  isGzipped: boolean;
  acceptsGzip: boolean;
  arrivedAtMs: number;
  /** Latest moment at which an answer is of use; from the exchange's default until the body says `tmax`. */
  deadlineMs: number;
}

/** First stage: the clock starts, the exchange is looked up. */
export function receive(
  live: LiveSnapshot,
  exchangeName: string,
  request: EdgeRequest,
): Received | 'unknown-exchange' | 'unsupported-encoding' {
  const { exchanges } = live.snapshot;
  if (!Object.hasOwn(exchanges, exchangeName)) return 'unknown-exchange';
  const exchange = exchanges[exchangeName];
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'gzip' && encoding !== 'identity') return 'unsupported-encoding';
  const accepted = request.headers['accept-encoding'];
  return {
    live,
    exchange,
    body: request.body,
    isGzipped: encoding === 'gzip',
    acceptsGzip: typeof accepted === 'string' && accepted.includes('gzip'),
    arrivedAtMs: request.arrivedAtMs,
    deadlineMs: request.arrivedAtMs + exchange.defaultTmaxMs - exchange.networkAllowanceMs,
  };
}
