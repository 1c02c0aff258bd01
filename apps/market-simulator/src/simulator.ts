import { Pool } from 'undici';
import { seededRandom } from '#domain/evaluation';
import { Market } from '#domain/market';
import { AckLog } from './ack-log';
import type { SimulatorConfig } from './config';
import type { ControlPorts } from './control-server';
import { Counters } from './counters';
import { NoticeSender } from './notice-sender';
import { OpenLoop } from './open-loop';
import { Settlement } from './settle-auction';

const BID_CONNECTIONS = 64;
const NOTICE_CONNECTIONS = 32;
/** Longest that a stop waits for clicks and conversions that are still to come. */
const DRAIN_MS = 30_000;
/** Seed offset of the arrival times, apart from the market's own draws. */
const ARRIVALS = 9_999_991;

/** One market that drives one edge over HTTP. */
export class Simulator implements ControlPorts {
  readonly counters = new Counters();
  private readonly bidPool: Pool;
  private readonly noticePool: Pool;
  private readonly log: AckLog | null;
  private readonly notices: NoticeSender;
  private readonly loop: OpenLoop;
  private readonly startedAtMs = Date.now();
  private state: 'running' | 'stopping' | 'stopped' = 'running';

  constructor(
    private readonly config: SimulatorConfig,
    onDone: () => void,
  ) {
    const timeouts = { headersTimeout: 5000, bodyTimeout: 5000, keepAliveTimeout: 60_000 };
    this.bidPool = new Pool(config.edgeUrl, { connections: BID_CONNECTIONS, ...timeouts });
    this.noticePool = new Pool(config.edgeUrl, { connections: NOTICE_CONNECTIONS, ...timeouts });
    this.log = config.ackLogFile === null ? null : new AckLog(config.ackLogFile);
    const market = new Market(config.scenario, config.seed);
    this.notices = new NoticeSender(this.noticePool, this.counters, this.log);
    this.loop = new OpenLoop({
      market,
      pool: this.bidPool,
      counters: this.counters,
      settlement: new Settlement(market, this.notices, this.counters),
      random: seededRandom(config.seed + ARRIVALS),
      maxRequests: config.maxRequests,
      onDone,
    });
  }

  start(): void {
    this.loop.run(this.config.requestsPerSecond);
  }

  /** After a stop a rate above 0 starts the traffic again. */
  setRate(requestsPerSecond: number): void {
    this.state = 'running';
    this.loop.run(requestsPerSecond);
  }

  async stop(): Promise<void> {
    this.state = 'stopping';
    this.loop.stop();
    await this.loop.drain(DRAIN_MS);
    await this.notices.drain(DRAIN_MS);
    this.log?.flush();
    this.state = 'stopped';
  }

  /** Stops and frees everything. */
  async close(): Promise<void> {
    await this.stop();
    this.log?.close();
    await Promise.all([this.bidPool.close(), this.noticePool.close()]);
  }

  stats(): object {
    const { counters, config } = this;
    return {
      scenario: config.scenario.name,
      label: config.scenario.label,
      seed: config.seed,
      exchange: config.exchange,
      state: this.state,
      requestsPerSecond: this.loop.rate,
      upSeconds: Math.round((Date.now() - this.startedAtMs) / 1000),
      requests: counters.requests,
      inFlight: this.loop.inFlight,
      latencyMs: { p50: counters.latencyMs(0.5), p99: counters.latencyMs(0.99) },
      outcomes: counters.outcomes,
      notices: {
        pending: this.notices.pending,
        acknowledged: counters.acknowledged,
        refused: counters.refused,
        abandoned: counters.abandoned,
      },
    };
  }
}
