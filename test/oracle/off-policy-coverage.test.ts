import { winProbability } from '#domain/agents/bid';
import { answerLaw, type ProbableAnswer, type WinLaw } from '#domain/coordination';
import { AnswerComparison, pairedOffPolicy, seededRandom, type WeighedReward } from '#domain/evaluation';
import { buildServingIndex } from '#domain/matching';
import { decideLog, fewCampaigns, KnownMarket, shiftedLaw, type LawOf } from '../fixtures/bid-log';
import { baselinePolicies } from '../fixtures/demo-snapshot';

/** Exploration as an operator allows it at most, so that logs of a few thousand bids show what the gate does with tens of thousands. */
const champion = baselinePolicies({ bid: { epsilon: 0.3 } });
const snapshot = fewCampaigns(3, { champion });
const index = buildServingIndex(snapshot);
const truth = shiftedLaw(0);
const PER_USER = 8;
const BIDS = 1000;
/** Users of one log, drawn from the population with replacement. */
const LOG_USERS = 220;

interface Context {
  user: string;
  law: WinLaw;
  features: number[];
  logging: ProbableAnswer[];
}

/** Requests of a population of users, with the law by which the champion answers each. */
const records = decideLog(snapshot, BIDS, truth, { perUser: PER_USER });
const contexts: Context[] = records.map(({ inputs, outputs }) => ({
  ...{ user: inputs.request.userKey!, features: outputs.features, law: truth(outputs.features) },
  logging: answerLaw(index, inputs, truth(outputs.features)),
}));
const lawsOf = (model: LawOf): ProbableAnswer[][] =>
  records.map(({ inputs, outputs }) => answerLaw(index, inputs, model(outputs.features)));
const comparisonsOf = (other: readonly ProbableAnswer[][], isDisclosed: boolean): AnswerComparison[] =>
  contexts.map(({ logging, law }, at) => {
    const winsAt = (price: number) => winProbability(price, law.mu, law.sigma);
    return new AnswerComparison(logging, other[at]!, { isDisclosed, winsAt });
  });
const byUser = new Map<string, number[]>();
contexts.forEach(({ user }, at) => byUser.set(user, [...(byUser.get(user) ?? []), at]));
const users = [...byUser.keys()];

/** Expected reward of answering by `laws`: the market's own probabilities, no draw. */
const trueValue = (laws: readonly ProbableAnswer[][]): number => {
  const market = new KnownMarket(truth, 0);
  return contexts.reduce((sum, { user, features }, at) => {
    const rate = KnownMarket.clickRate(user);
    const won = laws[at]!.map((one) => one.probability * one.expectedValue * market.winRate(features, one.priceMicros));
    return sum + rate * won.reduce((a, b) => a + b, 0);
  }, 0);
};
const champions = contexts.map(({ logging }) => logging);
const trueEffect = (other: readonly ProbableAnswer[][]): number => trueValue(other) / trueValue(champions) - 1;

/** A log of the champion on users drawn anew, weighed for another policy. */
function log(comparisons: readonly AnswerComparison[], seed: number, isDisclosed: boolean): WeighedReward[] {
  const market = new KnownMarket(truth, seed);
  const rng = seededRandom(seed + 1000);
  const rows: WeighedReward[] = [];
  for (let n = 0; n < LOG_USERS; n += 1) {
    for (const at of byUser.get(users[Math.floor(rng() * users.length)]!)!) {
      const { user, features, logging } = contexts[at]!;
      const { minToWinMicros, priceDraw, clickDraw } = market.draw(features);
      const { campaignId, priceMicros, expectedValue } = drawn(logging, priceDraw);
      const won = priceMicros >= minToWinMicros;
      const reward = won && clickDraw < KnownMarket.clickRate(user) ? expectedValue : 0;
      const logged = { campaignId, priceMicros, won, minToWinMicros: isDisclosed ? minToWinMicros : null };
      const { moments } = comparisons[at]!;
      rows.push({ ...comparisons[at]!.weigh(logged)!, moments, user: `${user}/${n}`, copies: 1, reward });
    }
  }
  return rows;
}

function drawn(answers: readonly ProbableAnswer[], uniform: number): ProbableAnswer {
  let left = uniform;
  return answers.find(({ probability }) => (left -= probability) < 0) ?? answers.at(-1)!;
}

const evaluate = (rows: readonly WeighedReward[], seed = 1) =>
  pairedOffPolicy(rows, { rng: seededRandom(seed), resamples: 400, level: 0.95 });

const SEEDS = 60;

/** Given a market whose truth is known and logs of the champion on it; when another model is evaluated from each log; then: */
describe('an off-policy interval', () => {
  test.each([
    ['prices to beat disclosed, shading more', -0.3, true],
    // Its gains lie where the champion wins by exploring only: a bootstrap alone covered in 35 of 60 logs.
    ['prices to beat disclosed, shading less', 0.3, true],
    ['prices to beat unknown, shading more', -0.15, false],
    ['prices to beat unknown, shading less', 0.15, false],
  ])('covers the true effect in at least 85 %% of logs: %s', (_what, shift, isDisclosed) => {
    const other = lawsOf(shiftedLaw(shift));
    const truly = trueEffect(other);
    expect(Math.abs(truly)).toBeGreaterThan(0.015);
    const comparisons = comparisonsOf(other, isDisclosed);
    let [covered, bias, width, condemned] = [0, 0, 0, 0];
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { estimate, refusals } = evaluate(log(comparisons, seed, isDisclosed), seed);
      expect(refusals).toEqual([]);
      const { effect, lower, upper } = estimate!;
      if (lower <= truly && truly <= upper) covered += 1;
      if (upper < -0.05) condemned += 1;
      bias += (effect - truly) / SEEDS;
      width += (upper - lower) / SEEDS;
    }
    // What loses less than the margin must not be stopped; 2.5 % by chance.
    if (truly > -0.05) expect(condemned).toBeLessThanOrEqual(0.05 * SEEDS);
    expect(covered).toBeGreaterThanOrEqual(0.85 * SEEDS);
    // Half a width is two standard errors of one log: the mean of 60 lies well inside.
    expect(Math.abs(bias)).toBeLessThan(width / 8);
    // What a known price to beat is worth: without it a log of this size can hardly tell anything.
    expect(width).toBeLessThan(isDisclosed ? 0.25 : 1.5);
  });

  test('of a model that bids as the champion does is exactly 0', () => {
    for (const isDisclosed of [true, false]) {
      const { estimate } = evaluate(log(comparisonsOf(lawsOf(truth), isDisclosed), 1, isDisclosed));
      expect(estimate!.effect).toBeCloseTo(0, 12);
      expect([estimate!.lower, estimate!.upper]).toEqual([expect.closeTo(0, 6), expect.closeTo(0, 6)]);
    }
  });

  test('is refused for a model that bids where the log has nothing', () => {
    const far = comparisonsOf(lawsOf(shiftedLaw(1.2)), false);
    const found = evaluate(log(far, 1, false));
    expect(found.estimate).toBeNull();
    expect(found.refusals.map(({ code }) => code)).toContain('MISSING_SUPPORT');
    const few = log(comparisonsOf(lawsOf(truth), true), 1, true).slice(0, 150);
    expect(evaluate(few)).toMatchObject({ estimate: null, refusals: [{ code: 'TOO_FEW_BIDS' }] });
    const silent = log(comparisonsOf(lawsOf(truth), true), 1, true).map((row) => ({ ...row, reward: 0 }));
    expect(evaluate(silent)).toMatchObject({ estimate: null, refusals: [{ code: 'TOO_FEW_REWARDS' }] });
  });
});
