import { compareArms, type MarketReport, type Scenario } from '#domain/market/index';
import type { StoryArms } from './arms';

/** One question to the market: what does the second policy change, in which regime? */
export interface Question {
  name: string;
  champion: 'shipped' | 'retrained';
  candidate: 'retrained' | 'planted' | 'shipped';
  regime: string;
}

/** An answered question. Relative effect on expected value per eligible request, with its interval over users. */
export interface Answer extends Question {
  effect: number;
  low: number;
  high: number;
  confidence: number;
  seconds: number;
  auctionsPerSecond: number;
  report: MarketReport;
}

/** Questions of a story scenario; one about a regime that the scenario has not is left out. */
export function questionsOf(scenario: Scenario): Question[] {
  const busy = Object.keys(scenario.regimes).filter((name) => (scenario.regimes[name]?.trafficFactor ?? 1) > 1);
  return [
    { name: 'better candidate', champion: 'shipped', candidate: 'retrained', regime: 'stationary' },
    { name: 'worse candidate, logged rate', champion: 'retrained', candidate: 'planted', regime: 'stationary' },
    ...busy.map((regime) => ({
      name: `worse candidate, ${regime}`,
      champion: 'retrained' as const,
      candidate: 'planted' as const,
      regime,
    })),
    { name: 'A/A', champion: 'shipped', candidate: 'shipped', regime: 'stationary' },
  ];
}

/** Plays both policies of each question on the same auctions. */
export async function answer(
  scenario: Scenario,
  arms: StoryArms,
  question: Question,
  seeds: readonly number[],
  auctions: number,
): Promise<Answer> {
  const startedMs = performance.now();
  const pair = { champion: arms[question.champion], candidate: arms[question.candidate] };
  const report = await compareArms(scenario, pair, seeds, { auctions, regime: question.regime });
  const seconds = (performance.now() - startedMs) / 1000;
  const { effect, low, high, confidence } = report;
  const auctionsPerSecond = Math.round((2 * auctions * seeds.length) / seconds);
  return { ...question, effect, low, high, confidence, seconds, auctionsPerSecond, report };
}

const percent = (share: number): string => `${share >= 0 ? '+' : ''}${(share * 100).toFixed(1)} %`;

/** One line a person can read. */
export function answerLine({ name, champion, candidate, regime, effect, low, high, report }: Answer): string {
  const { champion: before, candidate: after } = report;
  const winRate = (sums: typeof before): string => `${((100 * sums.wins) / Math.max(1, sums.bids)).toFixed(1)} %`;
  return (
    `${name}: ${candidate} against ${champion}, ${regime}: value ${percent(effect)} [${percent(low)}, ${percent(high)}]` +
    `, win rate ${winRate(before)} -> ${winRate(after)}`
  );
}
