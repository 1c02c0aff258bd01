import type { ProbableAnswer } from '../coordination/answer-law';

/** What the log says of one bid. Prices CPM micros. */
export interface LoggedAnswer {
  campaignId: string;
  priceMicros: number;
  won: boolean;
  /** Lowest price that would have won, when the exchange disclosed it; else null. */
  minToWinMicros: number | null;
}

/** How the exchange and the logging model see prices. */
export interface PriceKnowledge {
  /** The exchange tells winners the lowest price that would have won. */
  isDisclosed: boolean;
  /** Probability that a price wins, by the logging model; 1 where it has no law. */
  winsAt(priceMicros: number): number;
}

/**
 * Expectations over what the logging policy may do on one impression and over the price to beat, in units of `ProbableAnswer.expectedValue`, with
 * w = other / logging probability of an event. Unsupported events are left out of the first three.
 */
export interface AnswerMoments {
  /** Value won by the logging policy. */
  logging: number;
  /** w × value won by the logging policy = value won by the other. */
  other: number;
  /** w² × value won by the logging policy. */
  squared: number;
  /** Probability that the other policy does what the log cannot show. */
  unsupported: number;
  /** Value that it wins by that. */
  unsupportedValue: number;
}

/**
 * Events that the other policy makes this much more often than the logging one count as unsupported: a log of 20,000 bids holds too few of
 * them, and the agents' estimate stands in (SWITCH; Wang, Agarwal and Dudík, ICML 2017).
 */
export const SWITCH_WEIGHT = 1000;

type Answer = Pick<ProbableAnswer, 'campaignId' | 'priceMicros' | 'probability' | 'expectedValue'>;

/** An answer, or a campaign's winning at any of several prices, under both policies. */
interface Event {
  campaignId: string;
  priceMicros: number;
  expectedValue: number;
  logging: number;
  other: number;
}

/**
 * Two policies on one impression. What a bid brings depends on its price only through winning, so where the price to beat is known the event is
 * "this campaign wins", not "this campaign plays this price": its probability sums all prices that would have won. Both weights are
 * unbiased as long as neither the price to beat nor a click depends on our price; the first varies far less. Where the price to beat
 * is unknown the event is the exact answer.
 */
export class AnswerComparison {
  readonly moments: AnswerMoments;
  private readonly events: readonly Event[];

  constructor(logging: readonly Answer[], other: readonly Answer[], knowledge: PriceKnowledge) {
    this.events = joined(logging, other);
    this.moments = knowledge.isDisclosed
      ? momentsOfOutcomes(this.events, knowledge)
      : momentsOfAnswers(this.events, knowledge);
  }

  /**
   * Weight of a logged bid that won (one that lost brought nothing, whatever it weighs), with the agents' estimate of its value. 0 for an
   * unsupported event, whose value is in the moments. Null when the logging policy cannot have given that answer: then the record
   * does not repeat.
   */
  weigh(logged: LoggedAnswer): { weight: number; wonValue: number } | null {
    const { campaignId, priceMicros, won, minToWinMicros } = logged;
    const own = this.events.filter((event) => event.campaignId === campaignId);
    const played = own.find((event) => event.priceMicros === priceMicros && event.logging > 0);
    if (played === undefined) return null;
    if (!won) return { weight: weightOf(played), wonValue: 0 };
    // A bar above the winning price contradicts the outcome: then nothing is known of it.
    const isKnown = minToWinMicros !== null && minToWinMicros <= priceMicros;
    const seen = isKnown ? summed(own.filter((event) => event.priceMicros >= minToWinMicros)) : played;
    return { weight: weightOf(seen), wonValue: played.expectedValue };
  }
}

const isSupported = ({ logging, other }: Masses): boolean => other <= SWITCH_WEIGHT * logging;

const weightOf = (event: Masses): number => (event.logging > 0 && isSupported(event) ? event.other / event.logging : 0);

type Masses = Pick<Event, 'logging' | 'other'>;

const summed = (events: readonly Masses[]): Masses => ({
  logging: events.reduce((sum, { logging }) => sum + logging, 0),
  other: events.reduce((sum, { other }) => sum + other, 0),
});

/** Answers of both policies by campaign and price, dearest first. */
function joined(logging: readonly Answer[], other: readonly Answer[]): Event[] {
  const events = new Map<string, Event>();
  const add = ({ campaignId, priceMicros, expectedValue, probability }: Answer, policy: 'logging' | 'other'): void => {
    const key = `${priceMicros}|${campaignId}`;
    const known = events.get(key);
    if (known) known[policy] += probability;
    else events.set(key, { campaignId, priceMicros, expectedValue, logging: 0, other: 0, [policy]: probability });
  };
  for (const answer of logging) add(answer, 'logging');
  for (const answer of other) add(answer, 'other');
  return [...events.values()].sort((a, b) => b.priceMicros - a.priceMicros);
}

const noMoments = (): AnswerMoments => ({ logging: 0, other: 0, squared: 0, unsupported: 0, unsupportedValue: 0 });

/** Adds an event that happens with probability `share`; a negative share takes it away again. */
function add(to: AnswerMoments, event: Masses, expectedValue: number, share: number, unsupportedShare: number): void {
  const { logging, other } = event;
  to.logging += share * logging * expectedValue;
  if (isSupported(event)) {
    to.other += share * other * expectedValue;
    if (logging > 0) to.squared += share * (other ** 2 / logging) * expectedValue;
  } else {
    to.unsupported += unsupportedShare * other;
    to.unsupportedValue += share * other * expectedValue;
  }
}

/** The price to beat stays unknown: every answer is an event of its own, and wins as often as the logging model says. */
function momentsOfAnswers(events: readonly Event[], { winsAt }: PriceKnowledge): AnswerMoments {
  const moments = noMoments();
  for (const event of events) add(moments, event, event.expectedValue, winsAt(event.priceMicros), 1);
  return moments;
}

/**
 * The price to beat becomes known to winners: for each stretch between two prices the events are the campaigns' winnings at all prices above,
 * and the stretch holds the price to beat as often as the logging model says. Losing brings nothing and needs no support.
 */
function momentsOfOutcomes(events: readonly Event[], { winsAt }: PriceKnowledge): AnswerMoments {
  const moments = noMoments();
  const wins = new Map<string, Event>();
  events.forEach((event, at) => {
    const { campaignId, logging, other } = event;
    const win = wins.get(campaignId);
    if (win) {
      win.logging += logging;
      win.other += other;
    } else wins.set(campaignId, { ...event });
    const below = events[at + 1]?.priceMicros;
    if (below === event.priceMicros) return;
    const share = winsAt(event.priceMicros) - (below === undefined ? 0 : winsAt(below));
    if (share > 0) for (const one of wins.values()) add(moments, one, one.expectedValue, share, share);
  });
  return moments;
}
