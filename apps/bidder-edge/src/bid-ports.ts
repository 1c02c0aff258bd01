import type { ServedCanary } from './canary';
import type { EdgeConfig } from './config';
import { userHasher } from './keyed-hash';
import type { KillEffect } from './kill';
import type { UserHistories } from './histories';
import type { EdgeMetrics } from './metrics';
import type { NoticeSigner, PriceReader } from './notices';
import type { DecisionLog } from './outbox';
import type { BidPath } from './pipeline';
import type { ShadowQueue } from './shadow';
import type { LiveSnapshot } from './snapshot';
import { StateView, type DecisionState } from './state';

/** What bids are made with on one thread. */
export interface BidParts {
  config: EdgeConfig;
  bootId: string;
  /** Which of how many count decisions and random draws: each takes every so manieth number. */
  thread: number;
  threads: number;
  metrics: EdgeMetrics;
  state: DecisionState;
  histories: UserHistories;
  records: DecisionLog;
  shadows: ShadowQueue;
  signer: NoticeSigner;
  prices: PriceReader;
  port(): number;
  live(): LiveSnapshot | null;
  canary(): ServedCanary | null;
  kill(): KillEffect;
  stateVersion(): number;
  reachable(): boolean;
}

type Ports = ConstructorParameters<typeof BidPath>[0];

/** Ports of the bid path: names and draws, what is served, and who counts. */
export function bidPorts(parts: BidParts): Ports {
  const { config, metrics, state, histories, records, signer, prices, threads } = parts;
  let decisions = parts.thread;
  let draws = config.rngStart + parts.thread;
  const isStopped = (campaignId: string): boolean => parts.kill().stoppedCampaigns.has(campaignId);
  const allowanceOf = (campaignId: string): number =>
    parts.live()?.index.campaignById.get(campaignId)?.campaign.explorationAllowance ?? 0;
  const onFiltered: StateView['onFiltered'] = (id, reason, weight) => metrics.campaigns.refused(id, reason, weight);
  return {
    edgeId: config.edgeId,
    signer,
    tokenTtlMs: config.tokenTtlMs,
    noticeBaseUrl: () => config.noticeBaseUrl ?? `http://127.0.0.1:${parts.port()}`,
    nextDecisionId: (nowMs) => `${nowMs.toString(36)}-${parts.bootId}-${(decisions += threads).toString(36)}`,
    nextRngCounter: () => (draws += threads),
    live: parts.live,
    canary: parts.canary,
    kill: parts.kill,
    state,
    histories,
    records,
    view: new StateView(state, isStopped, allowanceOf, onFiltered),
    stateVersion: parts.stateVersion,
    reachable: parts.reachable,
    hashUser: userHasher(config.userHashKey),
    canReadPrices: (exchange) => prices.canRead(exchange),
    ...counting(parts),
  };
}

type Counting = Pick<
  Ports,
  'onRequest' | 'onLate' | 'onHistory' | 'onNoBid' | 'onFallback' | 'onAnswered' | 'onDecision' | 'onDecided'
>;

function counting({ metrics, state, shadows }: BidParts): Counting {
  return {
    onRequest: (exchange) => {
      metrics.requests.add(1, exchange);
      metrics.quality.answered(exchange);
    },
    onHistory: (result) => metrics.histories.add(1, result),
    onLate: (exchange) => metrics.quality.late(exchange),
    onNoBid: (stage, reason) => metrics.noBids.add(1, stage, reason),
    onFallback: (agent, reason) => metrics.fallbacks.add(1, agent, reason),
    onAnswered: (seconds) => {
      metrics.latency.observe(seconds);
      metrics.stages.observeTotal(seconds);
    },
    onDecision: ({ inputs, outputs }) => {
      if (outputs.noBidReason !== null) return metrics.noBids.add(1, 'decide', outputs.noBidReason);
      metrics.bids.add(1, outputs.campaignId ?? '', inputs.arm);
      metrics.campaigns.bid(outputs.campaignId ?? '');
      state.live.onBid(inputs.arm, inputs.request.exchange, inputs.nowMs);
      if (outputs.agents?.bid.mode === 'safe') metrics.fallbacks.add(1, 'bid', 'safe');
    },
    onDecided: (received, prepared, decisions, latencyUs) => {
      metrics.stages.observe(latencyUs);
      for (const { match } of prepared.impressions)
        if (match !== null) for (const { campaign } of match.survivors) metrics.campaigns.survived(campaign.campaignId);
      shadows.offer(received.live, prepared, decisions, latencyUs.infer + latencyUs.decide);
    },
  };
}
