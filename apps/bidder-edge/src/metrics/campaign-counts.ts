import { DECIDE_REASONS, NO_BID_REASONS, type NoBidReason } from '#domain/contracts';
import { escapeLabel } from './counters';

/** The station that refuses for a reason: everything a campaign is priced for has come through `match`. */
export type FilterStage = 'match' | 'decide';

export const stageOf = (reason: NoBidReason): FilterStage => (DECIDE_REASONS.includes(reason) ? 'decide' : 'match');

const COLUMN = new Map<string, number>(NO_BID_REASONS.map((reason, at) => [reason, at]));
const SURVIVED = NO_BID_REASONS.length;
const BID = SURVIVED + 1;
const COLUMNS = BID + 1;

/** Campaigns with counters of their own; what comes later is counted under `other`. */
const MAX_CAMPAIGNS = 20_000;
/** Lines printed for Prometheus; the rest is summed up under `other`. */
const MAX_SERIES = 2000;
const OTHER = 'other';

/** Sums of one campaign: since the process started, in the current window and in the one before. */
interface Row {
  total: Float64Array;
  window: Float64Array;
  before: Float64Array;
}

/** What became of one campaign on the impressions it was looked at for; `recent` covers the last one to two windows. */
export interface CampaignSums {
  reasons: { reason: NoBidReason; recent: number; total: number }[];
  survived: { recent: number; total: number };
  bids: { recent: number; total: number };
}

const NOTHING: CampaignSums = { reasons: [], survived: { recent: 0, total: 0 }, bids: { recent: 0, total: 0 } };

const newRow = (): Row => ({
  total: new Float64Array(COLUMNS),
  window: new Float64Array(COLUMNS),
  before: new Float64Array(COLUMNS),
});

const sumsOf = ({ total, window, before }: Row, at: number): CampaignSums['bids'] => ({
  recent: Math.round((window[at] as number) + (before[at] as number)),
  total: Math.round(total[at] as number),
});

/** Counts per campaign why it did not bid. Adding allocates nothing but a campaign's first row. */
export class CampaignCounts {
  readonly name = 'adloop_edge_filtered_total';
  private readonly rows = new Map<string, Row>();

  /** A campaign was removed from one impression; of very many that `match` removes, one stands for `weight` of them. */
  refused(campaignId: string, reason: NoBidReason, weight = 1): void {
    this.add(campaignId, COLUMN.get(reason) as number, weight);
  }

  /** A campaign was left after all vetoes of one impression and was priced. */
  survived(campaignId: string): void {
    this.add(campaignId, SURVIVED);
  }

  bid(campaignId: string): void {
    this.add(campaignId, BID);
  }

  /** Takes everything out, for another thread's counts: sums by column per campaign. */
  drain(): [campaignId: string, sums: Float64Array][] {
    const delta = [...this.rows].map(([campaignId, { total }]): [string, Float64Array] => [campaignId, total]);
    this.rows.clear();
    return delta;
  }

  /** Adds what another thread's counts gave out. */
  absorb(delta: readonly [campaignId: string, sums: Float64Array][]): void {
    for (const [campaignId, sums] of delta)
      sums.forEach((amount, column) => {
        if (amount > 0) this.add(campaignId, column, amount);
      });
  }

  /** Begins the next window; called once a minute. */
  roll(): void {
    for (const row of this.rows.values()) {
      const { window, before } = row;
      before.fill(0);
      row.window = before;
      row.before = window;
    }
  }

  of(campaignId: string): CampaignSums {
    const row = this.rows.get(campaignId);
    if (row === undefined) return NOTHING;
    const reasons = NO_BID_REASONS.flatMap((reason, at) => {
      const { recent, total } = sumsOf(row, at);
      return total === 0 ? [] : [{ reason, recent, total }];
    });
    reasons.sort((a, b) => b.recent - a.recent || b.total - a.total);
    return { reasons, survived: sumsOf(row, SURVIVED), bids: sumsOf(row, BID) };
  }

  bidsOf(campaignId: string): CampaignSums['bids'] {
    const row = this.rows.get(campaignId);
    return row === undefined ? NOTHING.bids : sumsOf(row, BID);
  }

  /** Prometheus text of the refusals; bids have a counter of their own. */
  print(): string {
    const lines = [
      `# HELP ${this.name} Campaigns removed from an impression, by stage and reason.`,
      `# TYPE ${this.name} counter`,
    ];
    const rest = new Float64Array(SURVIVED);
    for (const [campaignId, { total }] of this.rows) {
      for (let at = 0; at < SURVIVED; at += 1) {
        if (total[at] === 0) continue;
        if (lines.length < MAX_SERIES) lines.push(this.line(campaignId, at, total[at] as number));
        else rest[at] = (rest[at] as number) + (total[at] as number);
      }
    }
    rest.forEach((count, at) => {
      if (count > 0) lines.push(this.line(OTHER, at, count));
    });
    return lines.join('\n');
  }

  private line(campaignId: string, at: number, count: number): string {
    const reason = NO_BID_REASONS[at] as NoBidReason;
    const labels = `campaign="${escapeLabel(campaignId)}",stage="${stageOf(reason)}",reason="${reason}"`;
    return `${this.name}{${labels}} ${Math.round(count)}`;
  }

  private add(campaignId: string, column: number, amount = 1): void {
    const row = this.rows.get(campaignId) ?? this.open(campaignId);
    row.total[column] = (row.total[column] as number) + amount;
    row.window[column] = (row.window[column] as number) + amount;
  }

  private open(campaignId: string): Row {
    const key = this.rows.size < MAX_CAMPAIGNS ? campaignId : OTHER;
    let row = this.rows.get(key);
    if (row === undefined) {
      row = newRow();
      this.rows.set(key, row);
    }
    return row;
  }
}
