import { attribute, type BillableEvent, type FxTable, type NoticeKind, type Outcome } from '#domain/contracts';
import { nanosOfImpressions } from '#domain/money';
import { landingUrlOf, wantsClickId } from '#domain/openrtb';
import type { GroupCommit } from '../outbox/group-commit';
import type { EdgeState } from '../state/edge-state';
import { AUDIT, readLossReason, readMinToWin, readNoticePrice } from './notice-price';
import type { ReadPrice } from './price-reader';
import type { NoticeToken } from './notice-token';
import type { NoticeSigner } from './token';

/** What a notice did, in the words of the metric `adloop_edge_notices_total{result}`. */
export type NoticeResult =
  | 'accepted'
  | 'duplicate'
  | 'audit'
  | 'unmeasured'
  | 'outside-window'
  | 'not-billable'
  | 'malformed'
  | 'forged'
  | 'expired'
  | 'forgotten'
  | 'bad-price'
  | 'not-durable';

/** Answer to one notice; `landingUrl` only for clicks with an authentic token of a known creative. */
export interface NoticeAnswer {
  status: 200 | 302 | 400 | 404 | 410 | 503;
  result: NoticeResult;
  landingUrl: string | null;
}

export interface NoticePorts {
  edgeId: string;
  signer: NoticeSigner;
  state: EdgeState;
  commit: GroupCommit;
  now(): number;
  fx(): FxTable;
  /** How an exchange writes prices, by its settings of now. */
  readPriceOf(exchange: string): ReadPrice;
  /** Landing URL of the creative's own record, also of creatives that left the snapshot; null when unknown. */
  landingUrlOf(creativeId: string): string | null;
  count(kind: NoticeKind, result: NoticeResult): void;
  onAccepted(outcome: Outcome): void;
}

const STATUS: Record<NoticeResult, NoticeAnswer['status']> = {
  accepted: 200,
  duplicate: 200,
  audit: 200,
  unmeasured: 200,
  'outside-window': 200,
  'not-billable': 400,
  malformed: 400,
  forged: 400,
  'bad-price': 400,
  expired: 410,
  forgotten: 410,
  'not-durable': 503,
};

const BILLING_KIND: Record<BillableEvent, NoticeKind> = { burl: 'bill', nurl: 'win', pixel: 'view' };

/** Notices about what a person did; the others are about what an auction did. */
const isMeasured = (kind: NoticeKind): boolean => kind === 'click' || kind === 'conversion' || kind === 'view';

/** Accepts each notice of each bid once, moves money and caps, and answers only when the outcome is on disk. */
export class NoticeReceiver {
  /** Accepted, but not on disk yet (or the disk refused): a repetition waits for the disk as well. */
  private readonly undurable = new Map<string, { outcome: Outcome; isQueued: boolean }>();

  constructor(private readonly ports: NoticePorts) {}

  /** @param query parameters of the notice URL: t, p (price), m (minimum to win), r (loss reason) */
  async receive(kind: NoticeKind, query: URLSearchParams): Promise<NoticeAnswer> {
    // A conversion may come long after every other notice: its campaign's window says whether it counts.
    const atMs = kind === 'conversion' ? null : this.ports.now();
    const verdict = this.ports.signer.verify(query.get('t') ?? '', atMs);
    if (!verdict.ok) return this.answer(kind, verdict.fault, null);
    const { token } = verdict;
    if (token.clickedAtMs !== null && kind !== 'conversion') return this.answer(kind, 'malformed', null);
    // Only one notice bills: another one's word for it would be paid twice.
    if (kind === 'bill' && token.billableEvent !== 'burl') return this.answer(kind, 'not-billable', token);
    const billsToo = kind !== 'bill' && kind === BILLING_KIND[token.billableEvent];
    if (billsToo && query.get('p') === AUDIT) return this.answer(kind, 'audit', token);
    const answer = await this.receiveOne(kind, token, query);
    return billsToo ? this.receiveOne('bill', token, query) : answer;
  }

  private async receiveOne(kind: NoticeKind, token: NoticeToken, query: URLSearchParams): Promise<NoticeAnswer> {
    // Without consent to measurement the visitor still gets where the click leads, and nothing is kept of it.
    if (!token.mayMeasure && isMeasured(kind)) return this.answer(kind, 'unmeasured', token);
    const outcome = this.read(kind, token, query);
    if (typeof outcome === 'string') return this.answer(kind, outcome, null);
    const taken = this.ports.state.guardOf(kind).take(token.decisionId, kind, token.decidedAtMs);
    if (taken === 'forgotten') return this.answer(kind, 'forgotten', null);
    if (taken === 'repeated' && !this.undurable.has(outcome.outcomeId)) return this.answer(kind, 'duplicate', token);
    if (taken === 'first') this.apply(kind, token, outcome);
    const isDurable = await this.makeDurable(outcome.outcomeId);
    if (!isDurable) return this.answer(kind, 'not-durable', null);
    if (taken !== 'first') return this.answer(kind, 'duplicate', token);
    return this.answer(kind, outcome.kind === 'outside-window' ? 'outside-window' : 'accepted', token);
  }

  private apply(kind: NoticeKind, token: NoticeToken, outcome: Outcome): void {
    if (!token.isTest) {
      const notice = { ...token, kind, paidNanos: kind === 'bill' ? outcome.priceNanos : 0 };
      const isLive = this.ports.state.applyNotice(notice, outcome.atMs);
      if (outcome.kind === 'bill') outcome.reservationLive = isLive;
    }
    this.ports.onAccepted(outcome);
    this.undurable.set(outcome.outcomeId, { outcome, isQueued: false });
  }

  /** What the disk refused is queued again by the exchange's own retry; the lake joins repeated outcomes by their id. */
  private async makeDurable(outcomeId: string): Promise<boolean> {
    const { commit } = this.ports;
    const waiting = this.undurable.get(outcomeId);
    if (waiting && !waiting.isQueued) {
      waiting.isQueued = true;
      commit.appendEvent('outcome', JSON.stringify(waiting.outcome));
    }
    try {
      await commit.durable();
    } catch {
      // The commit has reported the disk's fault; this notice only must not be acknowledged.
      if (waiting) waiting.isQueued = false;
      return false;
    }
    this.undurable.delete(outcomeId);
    return true;
  }

  /** The outcome that this notice would be, or why it is none. */
  private read(kind: NoticeKind, token: NoticeToken, query: URLSearchParams): Outcome | 'audit' | 'bad-price' {
    const { ports } = this;
    const fx = ports.fx();
    let priceNanos = 0;
    if (kind === 'win' || kind === 'bill') {
      const price = readNoticePrice(
        query.get('p'),
        token.bidCurrency,
        token.maxMicros,
        fx,
        ports.readPriceOf(token.exchange),
      );
      if (price.kind === 'audit') return 'audit';
      if (price.kind === 'malformed') return 'bad-price';
      // CPM micros are the nanos of one impression.
      priceNanos = nanosOfImpressions(price.micros, token.quantity);
    }
    const ascribed = kind === 'conversion' ? this.ascribe(token) : { kind };
    return {
      type: 'outcome',
      schemaVersion: 1,
      outcomeId: `${token.decisionId}:${kind}`,
      decisionId: token.decisionId,
      atMs: ports.now(),
      edgeId: ports.edgeId,
      exchange: token.exchange,
      campaignId: token.campaignId,
      creativeId: token.creativeId,
      arm: token.arm,
      rolloutId: token.rolloutId,
      stage: token.stage,
      userBucket: token.userBucket,
      decidedAtMs: token.decidedAtMs,
      priceNanos,
      valueNanos: kind === 'click' ? token.clickValueNanos : 0,
      minToWinMicros: kind === 'loss' || kind === 'win' ? readMinToWin(query.get('m'), token.bidCurrency, fx) : null,
      lossReason: kind === 'loss' ? readLossReason(query.get('r')) : null,
      reservationLive: true,
      isTest: token.isTest,
      isRepeat: token.isRepeat,
      country: token.country,
      deviceType: token.deviceType,
      ...ascribed,
    };
  }

  /** What a conversion is ascribed to; after its window it is kept, and is worth nothing. */
  private ascribe(token: NoticeToken): Pick<Outcome, 'kind' | 'touch' | 'touchedAtMs' | 'windowMs'> & Partial<Outcome> {
    const { decidedAtMs, clickedAtMs, decisionId, attribution } = token;
    const hasClick = this.ports.state.guard.has(decisionId, 'click');
    const { isWithin, ...found } = attribute({ decidedAtMs, clickedAtMs, hasClick }, attribution, this.ports.now());
    if (!isWithin) return { kind: 'outside-window', ...found };
    return { kind: 'conversion', valueNanos: token.conversionValueNanos, ...found };
  }

  private answer(kind: NoticeKind, result: NoticeResult, token: NoticeToken | null): NoticeAnswer {
    this.ports.count(kind, result);
    if (kind !== 'click' || token === null) return { status: STATUS[result], result, landingUrl: null };
    const landingUrl = this.ports.landingUrlOf(token.creativeId);
    if (landingUrl === null) return { status: 404, result, landingUrl };
    const isNamed = token.mayMeasure && wantsClickId(landingUrl);
    const clickId = isNamed ? this.ports.signer.sign({ ...token, clickedAtMs: this.ports.now() }) : '';
    return { status: 302, result, landingUrl: landingUrlOf(landingUrl, clickId) };
  }
}
