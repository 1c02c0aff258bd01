import { AnswerComparison, SWITCH_WEIGHT } from './answer-comparison';

const answer = (campaignId: string, priceMicros: number, probability: number, expectedValue = 10) => ({
  ...{ campaignId, priceMicros, probability, expectedValue },
});
/** F(1) = 0.2, F(2) = 0.5, F(3) = 0.9 by the logging model. */
const winsAt = (price: number) => ({ 1: 0.2, 2: 0.5, 3: 0.9 })[price] ?? 1;
const logging = [answer('a', 1, 0.1), answer('a', 2, 0.8), answer('b', 3, 0.1, 4)];
const other = [answer('a', 1, 0.6), answer('a', 2, 0.2), answer('b', 3, 0.2, 4)];
const won = (priceMicros: number, minToWinMicros: number | null, campaignId = 'a') => ({
  ...{ campaignId, priceMicros, won: true, minToWinMicros },
});

describe('two policies on one impression', () => {
  it('are compared by the answer given where the price to beat is unknown', () => {
    const compared = new AnswerComparison(logging, other, { isDisclosed: false, winsAt });
    expect(compared.weigh(won(2, null))).toEqual({ weight: 0.25, wonValue: 10 });
    expect(compared.weigh(won(3, null, 'b'))).toEqual({ weight: 2, wonValue: 4 });
    const { moments } = compared;
    expect(moments.logging).toBeCloseTo(0.1 * 2 + 0.8 * 5 + 0.1 * 3.6, 12);
    expect(moments.other).toBeCloseTo(0.6 * 2 + 0.2 * 5 + 0.2 * 3.6, 12);
    expect(moments.squared).toBeCloseTo((0.36 / 0.1) * 2 + (0.04 / 0.8) * 5 + (0.04 / 0.1) * 3.6, 12);
    expect(moments).toMatchObject({ unsupported: 0, unsupportedValue: 0 });
  });

  it('are compared by who wins where it is known', () => {
    const compared = new AnswerComparison(logging, other, { isDisclosed: true, winsAt });
    // Both prices of a win against 0.9, the dearer alone against 1.5.
    expect(compared.weigh(won(2, 0.9))!.weight).toBeCloseTo(0.8 / 0.9, 12);
    expect(compared.weigh(won(2, 1.5))!.weight).toBeCloseTo(0.25, 12);
    const { moments } = compared;
    // Price to beat up to 1 (20 %), up to 2 (30 %), up to 3 (40 %).
    expect(moments.logging).toBeCloseTo(0.2 * (9 + 0.4) + 0.3 * (8 + 0.4) + 0.4 * 0.4, 12);
    expect(moments.other).toBeCloseTo(0.2 * (8 + 0.8) + 0.3 * (2 + 0.8) + 0.4 * 0.8, 12);
    const squares = [(0.64 / 0.9) * 10 + 1.6, (0.04 / 0.8) * 10 + 1.6, 1.6];
    expect(moments.squared).toBeCloseTo(0.2 * squares[0]! + 0.3 * squares[1]! + 0.4 * squares[2]!, 12);
  });

  it('give a loss no value, and take a price to beat above a win for unknown', () => {
    const compared = new AnswerComparison(logging, other, { isDisclosed: true, winsAt });
    expect(compared.weigh({ ...won(2, 2.5), won: false })).toEqual({ weight: 0.25, wonValue: 0 });
    expect(compared.weigh(won(2, 2.5))).toEqual({ weight: 0.25, wonValue: 10 });
  });

  it('leave what the log cannot show to the agents’ estimate', () => {
    const rare = 0.5 / (2 * SWITCH_WEIGHT);
    const dearer = [answer('a', 1, 0.5), answer('a', 3, 0.5)];
    const seldom = [answer('a', 1, 1 - rare), answer('a', 3, rare)];
    const compared = new AnswerComparison(seldom, dearer, { isDisclosed: false, winsAt });
    expect(compared.weigh(won(3, null))!.weight).toBe(0);
    expect(compared.moments).toMatchObject({ unsupported: 0.5, unsupportedValue: 0.5 * 0.9 * 10 });
    // Known to winners: only a price to beat between 1 and 3 (70 %) is beyond the log, whatever is played below.
    const known = new AnswerComparison(seldom, dearer, { isDisclosed: true, winsAt });
    expect(known.moments.unsupported).toBeCloseTo(0.7 * 0.5, 12);
    expect(known.weigh(won(3, 0.5))!.weight).toBeCloseTo(1, 12);
  });

  it('do not know an answer that the logging policy never gives', () => {
    const compared = new AnswerComparison(logging, other, { isDisclosed: true, winsAt });
    expect(compared.weigh(won(3, 0.5))).toBeNull();
    expect(compared.weigh(won(2, 0.5, 'c'))).toBeNull();
  });
});
