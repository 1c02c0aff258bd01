import { NOTICE_KINDS } from '#domain/contracts';
import { AnswerQuality } from './answer-quality';
import { CampaignCounts } from './campaign-counts';
import { Counter, type CounterDelta, type Gauge } from './counters';
import { EventLoopLag } from './event-loop-lag';
import { LatencyHistogram } from './latency-histogram';
import { StageLatency } from './stage-latency';

/** Counters that bidding threads count and the control thread shows. */
const BY_THREADS = [
  'requests',
  'bids',
  'noBids',
  'fallbacks',
  'shed',
  'shadows',
  'histories',
  'redisFaults',
  'internalErrors',
] as const;

/** What one thread counted since it last told. */
export interface MetricsDelta {
  counters: Record<(typeof BY_THREADS)[number], CounterDelta>;
  campaigns: ReturnType<CampaignCounts['drain']>;
  quality: ReturnType<AnswerQuality['drain']>;
  latency: number[];
  historyLookups: number[];
  stages: number[][];
}

/** All counters of the edge, named after the stations that count them. */
export class EdgeMetrics {
  readonly requests = new Counter('adloop_edge_requests_total', 'Bid requests received.', ['exchange']);
  readonly bids = new Counter('adloop_edge_bids_total', 'Bids made.', ['campaign', 'arm']);
  readonly noBids = new Counter('adloop_edge_no_bids_total', 'Impressions or requests without a bid.', [
    'stage',
    'reason',
  ]);
  readonly campaigns = new CampaignCounts();
  readonly fallbacks = new Counter('adloop_edge_fallbacks_total', 'Baselines taken instead of a model.', [
    'agent',
    'reason',
  ]);
  readonly notices = new Counter('adloop_edge_notices_total', 'Notices by what they did.', ['kind', 'result']);
  readonly noticeKeys = new Counter('adloop_edge_notice_key_files_total', 'Key files of notices read.', ['verdict']);
  readonly spendNanos = new Counter('adloop_edge_spend_nanos_total', 'Billed, fleet currency.', ['arm']);
  readonly lateBills = new Counter(
    'adloop_edge_late_bills_total',
    'Bills after their reservation was voided: real spend.',
  );
  readonly expired = new Counter('adloop_edge_reservations_expired_total', 'Reservations without any notice.');
  readonly clockSteps = new Counter('adloop_edge_clock_steps_total', 'Times the wall clock was set.', ['direction']);
  readonly shed = new Counter('adloop_edge_outbox_shed_total', 'Records not kept for lack of room.', ['class']);
  readonly outboxFaults = new Counter('adloop_edge_outbox_faults_total', 'Commits the disk refused.', ['code']);
  readonly shipped = new Counter('adloop_edge_segments_total', 'Sealed segments by what became of them.', ['result']);
  readonly refusals = new Counter('adloop_edge_snapshots_refused_total', 'Bundles that did not go live.', ['code']);
  readonly kills = new Counter('adloop_edge_kill_files_total', 'Kill files read by verdict.', ['verdict']);
  readonly shadows = new Counter('adloop_edge_shadows_total', 'Shadow samples.', ['result']);
  readonly internalErrors = new Counter(
    'adloop_edge_internal_errors_total',
    'Programmer errors answered by a no-bid.',
    ['where'],
  );
  readonly histories = new Counter('adloop_edge_user_histories_total', "Lookups of a user's past.", ['result']);
  readonly historyLookups = new LatencyHistogram(
    'adloop_edge_user_history_seconds',
    "Lookups of a user's past in Redis, those given up included.",
  );
  readonly historyWrites = new Counter('adloop_edge_user_history_writes_total', 'Impressions and clicks for Redis.', [
    'result',
  ]);
  readonly redisFaults = new Counter('adloop_edge_redis_faults_total', 'What Redis or the way to it refused.', [
    'code',
  ]);
  readonly latency = new LatencyHistogram('adloop_edge_latency_seconds', 'First line of a bid request to its answer.');
  readonly stages = new StageLatency();
  readonly loopLag = new EventLoopLag();
  readonly quality = new AnswerQuality();

  /** Begins the next window of what is shown for the last minutes. */
  roll(): void {
    this.campaigns.roll();
    this.stages.roll();
    this.loopLag.roll();
  }

  /** Takes out what a bidding thread counted. */
  drain(): MetricsDelta {
    return {
      counters: Object.fromEntries(BY_THREADS.map((name) => [name, this[name].drain()])) as MetricsDelta['counters'],
      campaigns: this.campaigns.drain(),
      quality: this.quality.drain(),
      latency: this.latency.drain(),
      historyLookups: this.historyLookups.drain(),
      stages: this.stages.drain(),
    };
  }

  /** Adds what a bidding thread counted. */
  absorb({ counters, campaigns, quality, latency, historyLookups, stages }: MetricsDelta): void {
    for (const name of BY_THREADS) this[name].absorb(counters[name]);
    this.campaigns.absorb(campaigns);
    this.quality.absorb(quality);
    this.latency.absorb(latency);
    this.historyLookups.absorb(historyLookups);
    this.stages.absorb(stages);
  }

  /** Sums since this process started, for the heartbeat; statistics come from the outbox. */
  totals(): Record<string, number> {
    const accepted = (kind: string): number => this.notices.count(kind, 'accepted');
    const results = (...names: string[]): number =>
      names.reduce(
        (sum, name) => sum + NOTICE_KINDS.reduce((part, kind) => part + this.notices.count(kind, name), 0),
        0,
      );
    return {
      requests: this.requests.total,
      bids: this.bids.total,
      noBids: this.noBids.total,
      wins: accepted('win'),
      bills: accepted('bill'),
      losses: accepted('loss'),
      clicks: accepted('click'),
      conversions: accepted('conversion'),
      spendNanos: this.spendNanos.total,
      noticesRefused: results('forged', 'malformed', 'expired', 'forgotten', 'bad-price'),
      noticesDuplicate: results('duplicate'),
      lateBills: this.lateBills.total,
      fallbacks: this.fallbacks.total,
      inferenceFaults: this.fallbacks.count('bid', 'fault'),
      tooLate: this.noBids.count('decide', 'too-late') + this.noBids.count('decode', 'too-late'),
      internalErrors: this.internalErrors.total,
      expiredReservations: this.expired.total,
      shedRecords: this.shed.total,
      snapshotsRefused: this.refusals.total,
      segmentsShipped: this.shipped.count('shipped'),
      lateAnswers: this.quality.total.late,
      invalidAnswers: this.quality.total.invalid,
    };
  }

  /** Prometheus' text format, version 0.0.4. */
  print(gauges: readonly Gauge[]): string {
    const own = Object.values(this) as { print(): string }[];
    return `${[...own, ...gauges].map((metric) => metric.print()).join('\n')}\n`;
  }
}
