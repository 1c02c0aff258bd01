import type { Agent } from './agent';

/** Weights that the meta-agent may tune (agents.md, "Weights the meta-agent may tune"). No schema code: workflows bundle it. */
export const WEIGHT_NAMES = [
  'wPace',
  'beta',
  'spendFloor',
  'kMax',
  'epsilonBid',
  'sigmaBid',
  'gamma0',
  'epsilonCreative',
  'wFatigue',
  'creditMix',
] as const;
export type WeightName = (typeof WEIGHT_NAMES)[number];

/** One tunable weight: its declared range, where it starts, and whose it is. */
export interface WeightRange {
  least: number;
  most: number;
  start: number;
  owner: Agent;
  /** Whether a serving agent, or the meta-agent's own controller, reads it today. Others may not be set: it would say nothing. */
  isServed: boolean;
}

const range = (owner: Agent, least: number, most: number, start: number, isServed = false): WeightRange => ({
  least,
  most,
  start,
  owner,
  isServed,
});

export const WEIGHTS: Readonly<Record<WeightName, WeightRange>> = {
  wPace: range('budget', 0.05, 2, 0.3),
  beta: range('budget', 1, 4, 2),
  /** Share of the plan below which a campaign counts as under-delivering; the meta-agent's controller of kMax reads it. */
  spendFloor: range('budget', 0.5, 0.98, 0.85, true),
  kMax: range('budget', 1, 4, 3, true),
  epsilonBid: range('bid', 0.01, 0.1, 0.03, true),
  sigmaBid: range('bid', 0.05, 0.5, 0.2, true),
  gamma0: range('creative', 10, 1000, 50),
  epsilonCreative: range('creative', 0.01, 0.1, 0.03, true),
  wFatigue: range('frequency', 0, 0.5, 0.1, true),
  creditMix: range('budget', 0.2, 0.8, 0.5),
};

/** What no weight may ever stand for: changing these is for people, in the campaign or the policy, through their own gates. */
export const NEVER_TUNABLE = [
  'privacy',
  'blockLists',
  'hardCaps',
  'totalBudget',
  'dailyBudget',
  'floors',
  'bidCap',
  'safeBid',
  'deadline',
] as const;

export const isWeightName = (name: string): name is WeightName => (WEIGHT_NAMES as readonly string[]).includes(name);
