import type { ExchangeSettings, NoBidReason, UserFeatures } from '#domain/contracts';
import type { ImpressionDecision, PreparedRequest } from '#domain/coordination';
import type { DecodedRequest } from '#domain/openrtb';
import type { ServedCanary } from '../canary/canary-lease';
import type { UserHistories } from '../histories';
import type { KillEffect } from '../kill/kill-orders';
import type { DecisionLog } from '../outbox/decision-log';
import { problemResponse } from '../server/problem';
import type { EdgeRequest, EdgeResponse } from '../server/message';
import type { LiveSnapshot } from '../snapshot/live-snapshot';
import type { DecisionState } from '../state/decision-state';
import type { StateView } from '../state/state-view';
import { decide } from './decide';
import { decode, NO_REASONS, type WantedReasons } from './decode';
import { infer, type InferenceObserver } from './features';
import { match } from './match';
import { receive, type Received } from './receive';
import { record, type StageLatency } from './record';
import { RequestReservations } from './reserve';
import { noBid, respond, withheld, type NamedDecision, type RespondPorts } from './respond';
import { readPast } from './user-past';

export interface BidPorts extends RespondPorts, InferenceObserver {
  edgeId: string;
  /** Names decisions: unique over edges and restarts. */
  nextDecisionId(nowMs: number): string;
  nextRngCounter(): number;
  live(): LiveSnapshot | null;
  canary(live: LiveSnapshot): ServedCanary | null;
  kill(): KillEffect;
  state: DecisionState;
  view: StateView;
  records: DecisionLog;
  /** Where the pasts of users are kept. */
  histories: UserHistories;
  /** What a lookup there came to. */
  onHistory(state: UserFeatures['state']): void;
  stateVersion(): number;
  /** The control plane was heard of lately; without one the edge is on its outage allowance. */
  reachable(): boolean;
  hashUser(id: string): string;
  onRequest(exchange: string): void;
  /** An answer left after its deadline. */
  onLate(exchange: string): void;
  /** Whether the prices of an exchange's notices can be read here. */
  canReadPrices(exchange: ExchangeSettings): boolean;
  onNoBid(stage: BidStage, reason: NoBidReason): void;
  onDecision(decision: NamedDecision): void;
  onAnswered(seconds: number): void;
  onDecided(
    received: Received,
    prepared: PreparedRequest,
    decisions: readonly NamedDecision[],
    latencyUs: StageLatency,
  ): void;
}

export type BidStage = 'receive' | 'decode' | 'decide' | 'reserve' | 'respond';

/** One request between its candidates and its decision. Times are monotonic milliseconds. */
interface Matched {
  received: Received;
  request: DecodedRequest;
  wants: WantedReasons;
  prepared: PreparedRequest;
  reachable: boolean;
  decodedAtMs: number;
  matchedAtMs: number;
}

const microsSince = (fromMs: number, toMs: number): number => Math.round((toMs - fromMs) * 1000);

/** The path of one bid request, station by station. */
export class BidPath {
  /** How long each exchange waited for the answer to its last request, less network, ms. */
  private readonly patienceMs = new WeakMap<ExchangeSettings, number>();

  constructor(private readonly ports: BidPorts) {}

  /** Answers at once, or after the awaits of a store of histories elsewhere and of a model that the runtime runs. */
  handle(exchangeName: string, request: EdgeRequest): EdgeResponse | Promise<EdgeResponse> {
    const { ports } = this;
    const nowMs = Date.now();
    const live = ports.live();
    if (live === null) return this.without('receive', 'not-ready', request);
    const received = receive(live, exchangeName, request);
    if (received === 'unknown-exchange') {
      ports.onNoBid('receive', 'unknown-exchange');
      return problemResponse(404, 'UNKNOWN_EXCHANGE', `no exchange '${exchangeName}' is configured`);
    }
    if (received === 'unsupported-encoding')
      return problemResponse(415, 'UNSUPPORTED_ENCODING', 'content-encoding may be gzip or identity');
    ports.onRequest(exchangeName);
    ports.state.live.onRequest(nowMs);
    if (this.isHopeless(received)) {
      ports.onLate(exchangeName);
      return this.without('receive', 'too-late', request);
    }
    const kill = ports.kill();
    const decoded = decode(received, ports.hashUser);
    if (!decoded.ok) {
      ports.onNoBid('decode', 'malformed');
      const { status, code, detail, pointer } = decoded;
      return problemResponse(status, code, detail, [{ pointer, code, detail }]);
    }
    if (kill.level === 'stop-bidding') return this.without('receive', 'bidding-stopped', request, decoded);
    if (!ports.canReadPrices(received.exchange)) return this.without('receive', 'price-unreadable', request, decoded);
    if (!ports.records.isOpen) return this.without('receive', 'outbox-full', request, decoded);
    this.patienceMs.set(received.exchange, received.deadlineMs - received.arrivedAtMs);
    const decodedAtMs = performance.now();
    if (decodedAtMs > received.deadlineMs) {
      ports.onLate(exchangeName);
      return this.without('decode', 'too-late', request, decoded);
    }
    return this.bid(received, decoded.request, decoded.wants, nowMs, decodedAtMs, kill);
  }

  /**
   * Under overload a request may have waited longer than its exchange does before anybody reads it: reading it would only make the next
   * ones wait. Its own `tmax` is inside, so that of the exchange's request before stands for it, or the default where that is longer.
   */
  private isHopeless({ exchange, arrivedAtMs, deadlineMs }: Received): boolean {
    const patienceMs = Math.max(deadlineMs - arrivedAtMs, this.patienceMs.get(exchange) ?? 0);
    return performance.now() > arrivedAtMs + patienceMs;
  }

  private bid(
    received: Received,
    request: DecodedRequest,
    wants: WantedReasons,
    nowMs: number,
    decodedAtMs: number,
    kill: KillEffect,
  ): EdgeResponse | Promise<EdgeResponse> {
    const { ports } = this;
    const reachable = ports.reachable();
    const canary = ports.canary(received.live);
    if (canary !== null && received.live.underTest !== null) received.live = received.live.underTest;
    const moment = { nowMs, stateVersion: ports.stateVersion(), rngCounter: ports.nextRngCounter(), canary, kill };
    const view = ports.view.at(nowMs, reachable);
    const prepared = match(received, request, moment, ports.state, view, received.deadlineMs - decodedAtMs);
    const matched: Matched = {
      received,
      request,
      wants,
      prepared,
      reachable,
      decodedAtMs,
      matchedAtMs: performance.now(),
    };
    const past = readPast(ports.histories, prepared, received.deadlineMs - matched.matchedAtMs);
    return past instanceof Promise ? past.then((late) => this.infer(matched, late)) : this.infer(matched, past);
  }

  /** What follows the features of the user: the model, and the decision. */
  private infer(matched: Matched, past: UserFeatures): EdgeResponse | Promise<EdgeResponse> {
    const { ports } = this;
    const { received, prepared } = matched;
    prepared.context.userFeatures = past;
    ports.onHistory(past.state);
    const law = infer(received, prepared, prepared.context.nowMs, ports);
    return law instanceof Promise ? law.then((late) => this.decided(matched, late)) : this.decided(matched, law);
  }

  /** What follows the model: decision, answer, and what is left for after the socket write. */
  private decided(matched: Matched, law: Float32Array | null): EdgeResponse {
    const { received, prepared, reachable } = matched;
    const reservations = new RequestReservations(received.live.index, prepared, this.ports.state, reachable);
    try {
      return this.conclude(matched, law, reservations);
    } catch (error) {
      // Held for an answer that nobody gets, and named by no decision, it would never be free again.
      reservations.cancel();
      throw error;
    }
  }

  private conclude(matched: Matched, law: Float32Array | null, reservations: RequestReservations): EdgeResponse {
    const { ports } = this;
    const { received, request, wants, prepared, decodedAtMs, matchedAtMs } = matched;
    const inferredAtMs = performance.now();
    const decided = decide(received, prepared, law, reservations, ports.view.onFiltered);
    const decidedAtMs = performance.now();
    const latencyUs: StageLatency = {
      decode: microsSince(received.arrivedAtMs, decodedAtMs),
      match: microsSince(decodedAtMs, matchedAtMs),
      infer: microsSince(matchedAtMs, inferredAtMs),
      decide: microsSince(inferredAtMs, decidedAtMs),
      respond: 0,
    };
    const { response, decisions } = this.answer(received, request, wants, decided, reservations, decidedAtMs);
    const answeredAtMs = performance.now();
    latencyUs.respond = microsSince(decidedAtMs, answeredAtMs);
    prepared.context.timeLeftMs.respond = received.deadlineMs - answeredAtMs;
    if (answeredAtMs > received.deadlineMs) ports.onLate(received.exchange.exchange);
    ports.onAnswered((answeredAtMs - received.arrivedAtMs) / 1000);
    response.afterWrite = () => {
      record(ports.edgeId, received, decisions, latencyUs, ports.records);
      ports.onDecided(received, prepared, decisions, latencyUs);
    };
    return response;
  }

  /** Names the decisions, commits or cancels what they reserved, renders. */
  private answer(
    received: Received,
    request: DecodedRequest,
    wants: WantedReasons,
    decided: readonly ImpressionDecision[],
    reservations: RequestReservations,
    decidedAtMs: number,
  ): { response: EdgeResponse; decisions: NamedDecision[] } {
    const { ports } = this;
    const ids = decided.map(({ inputs }) => ports.nextDecisionId(inputs.nowMs));
    const name = (grants: readonly string[]): NamedDecision[] =>
      decided.map((decision, at) => ({
        ...decision,
        decisionId: ids[at],
        grantId: grants[at] ?? '',
        lifeMs: reservations.lifeMs(decision.inputs.impIndex),
      }));
    if (decidedAtMs > received.deadlineMs) {
      reservations.cancel();
      const decisions = name([]).map((decision) => ({ ...decision, outputs: withheld(decision.outputs, 'too-late') }));
      for (const decision of decisions) ports.onDecision(decision);
      return { response: noBid(request, 'too-late', wants), decisions };
    }
    const decisions = name(reservations.commit(decided, (at) => ids[at]));
    for (const decision of decisions) ports.onDecision(decision);
    return { response: respond(received, request, decisions, wants, ports), decisions };
  }

  private without(
    stage: BidStage,
    reason: NoBidReason,
    request: EdgeRequest,
    decoded: { request: DecodedRequest; wants: WantedReasons } | null = null,
  ): EdgeResponse {
    this.ports.onNoBid(stage, reason);
    this.ports.onAnswered((performance.now() - request.arrivedAtMs) / 1000);
    return noBid(decoded?.request ?? null, reason, decoded?.wants ?? NO_REASONS);
  }
}
