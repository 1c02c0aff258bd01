import { escapeLabel } from './counters';

/** Exchanges cut an endpoint's traffic at 15 % late or invalid answers; the alarm leaves time to act. */
export const ALARM_SHARE = 0.05;
/** Fewer answers in the window than this say nothing about a share. */
export const ALARM_MIN_ANSWERS = 100;

const SLOT_MS = 5000;
/** Twelve slots of five seconds: the sliding minute. */
const SLOTS = 12;
const FIELDS = 3;
type Field = 0 | 1 | 2;
const ANSWERS: Field = 0;
const LATE: Field = 1;
const INVALID: Field = 2;

/** The exchange's own words in a loss notice (AdCOM loss reason codes): it came too late; from 3 to 10 it could not be used. */
const LOSS_EXPIRED = 2;
const FIRST_LOSS_INVALID = 3;
const LAST_LOSS_INVALID = 10;

/** Answers to one exchange within the last minute. */
export interface ExchangeQuality {
  exchange: string;
  answers: number;
  late: number;
  invalid: number;
  /** (late + invalid) / answers, 0 without an answer. */
  share: number;
  isAlarm: boolean;
}

class Minute {
  /** Since the process started, by field. */
  readonly totals = new Float64Array(FIELDS);
  private readonly slots = new Float64Array(SLOTS * FIELDS);
  private newest = 0;

  add(field: Field, nowMs: number, times = 1): void {
    this.advance(nowMs);
    const at = (this.newest % SLOTS) * FIELDS + field;
    this.slots[at] = (this.slots[at] as number) + times;
    this.totals[field] = (this.totals[field] as number) + times;
  }

  sum(field: Field, nowMs: number): number {
    this.advance(nowMs);
    let sum = 0;
    for (let at = field; at < this.slots.length; at += FIELDS) sum += this.slots[at] as number;
    return sum;
  }

  private advance(nowMs: number): void {
    const now = Math.floor(nowMs / SLOT_MS);
    const empty = Math.min(SLOTS, now - this.newest);
    for (let n = 0; n < empty; n += 1) {
      const from = ((now - n) % SLOTS) * FIELDS;
      this.slots.fill(0, from, from + FIELDS);
    }
    this.newest = Math.max(this.newest, now);
  }
}

/**
 * Late and invalid answers per exchange over a sliding minute: late by our own clock or by the exchange's word, invalid by the
 * exchange's word alone. Times are monotonic milliseconds.
 */
export class AnswerQuality {
  readonly name = 'adloop_edge_late_or_invalid_ratio';
  private readonly minutes = new Map<string, Minute>();
  private readonly alarms = new Set<string>();

  constructor(private readonly monotonicMs: () => number = () => performance.now()) {}

  /** An exchange of the snapshot asked; everybody who asks gets some answer. */
  answered(exchange: string): void {
    this.add(exchange, ANSWERS);
  }

  late(exchange: string): void {
    this.add(exchange, LATE);
  }

  /** A loss notice; `reason` is the exchange's code, null without one. */
  lost(exchange: string, reason: number | null): void {
    if (reason === LOSS_EXPIRED) return this.late(exchange);
    if (reason !== null && reason >= FIRST_LOSS_INVALID && reason <= LAST_LOSS_INVALID) this.add(exchange, INVALID);
  }

  /** All exchanges that asked since the process started, worst first. */
  read(): ExchangeQuality[] {
    const nowMs = this.monotonicMs();
    const rows = [...this.minutes].map(([exchange, minute]): ExchangeQuality => {
      const [answers, late, invalid] = [ANSWERS, LATE, INVALID].map((field) => minute.sum(field, nowMs)) as [
        number,
        number,
        number,
      ];
      const share = answers === 0 ? 0 : (late + invalid) / answers;
      return { exchange, answers, late, invalid, share, isAlarm: answers >= ALARM_MIN_ANSWERS && share >= ALARM_SHARE };
    });
    return rows.sort((a, b) => b.share - a.share);
  }

  /** Late and invalid answers to all exchanges since the process started. */
  get total(): { late: number; invalid: number } {
    const sum = (field: Field): number =>
      [...this.minutes.values()].reduce((total, minute) => total + (minute.totals[field] as number), 0);
    return { late: sum(LATE), invalid: sum(INVALID) };
  }

  /** Alarms that began or ended since the last call. */
  changes(): ExchangeQuality[] {
    return this.read().filter(({ exchange, isAlarm }) => {
      if (isAlarm === this.alarms.has(exchange)) return false;
      if (isAlarm) this.alarms.add(exchange);
      else this.alarms.delete(exchange);
      return true;
    });
  }

  print(): string {
    const alarm = 'adloop_edge_late_or_invalid_alarm';
    const totals = 'adloop_edge_bad_answers_total';
    const rows = this.read();
    const label = (exchange: string): string => `{exchange="${escapeLabel(exchange)}"}`;
    const sums = [...this.minutes].flatMap(([exchange, minute]) =>
      (['late', 'invalid'] as const).map((what, at) => {
        const labels = `exchange="${escapeLabel(exchange)}",what="${what}"`;
        return `${totals}{${labels}} ${minute.totals[at + LATE] as number}`;
      }),
    );
    return [
      `# HELP ${this.name} Share of late or invalid answers within the last minute; exchanges throttle at 0.15.`,
      `# TYPE ${this.name} gauge`,
      ...rows.map(({ exchange, share }) => `${this.name}${label(exchange)} ${share}`),
      `# HELP ${alarm} 1 from a share of ${ALARM_SHARE} on, of at least ${ALARM_MIN_ANSWERS} answers.`,
      `# TYPE ${alarm} gauge`,
      ...rows.map(({ exchange, isAlarm }) => `${alarm}${label(exchange)} ${Number(isAlarm)}`),
      `# HELP ${totals} Answers that came too late or could not be used.`,
      `# TYPE ${totals} counter`,
      ...sums,
    ].join('\n');
  }

  /** Takes everything out, for another thread: answers, late, invalid per exchange. */
  drain(): [exchange: string, sums: Float64Array][] {
    const delta = [...this.minutes].map(([exchange, { totals }]): [string, Float64Array] => [exchange, totals]);
    this.minutes.clear();
    return delta;
  }

  /** Adds what another thread gave out, as of now. */
  absorb(delta: readonly [exchange: string, sums: Float64Array][]): void {
    for (const [exchange, sums] of delta)
      for (const field of [ANSWERS, LATE, INVALID]) if (sums[field] > 0) this.add(exchange, field, sums[field]);
  }

  private add(exchange: string, field: Field, times = 1): void {
    let minute = this.minutes.get(exchange);
    if (minute === undefined) {
      minute = new Minute();
      this.minutes.set(exchange, minute);
    }
    minute.add(field, this.monotonicMs(), times);
  }
}
