import type { Agent } from '../contracts/agent';
import type { AutonomyLevel } from './autonomy';
import type { WeightStep } from './weight-policy';

/** What a proposal would do. */
export type ProposedAct =
  | { kind: 'weight'; step: WeightStep }
  | { kind: 'retrain'; agent: 'bid' | 'budget'; windowSeconds: number }
  | { kind: 'autonomy'; agent: Agent; level: AutonomyLevel; overrideBps: number };

/** A wish that waits: for approval, for the end of its veto window, or only to be read. */
export interface Proposal {
  proposalId: string;
  agent: Agent;
  act: ProposedAct;
  reason: string;
  /** Who wants it; that person cannot approve it. */
  requestedBy: string;
  waitsFor: 'nobody' | 'approval' | 'veto';
  createdAtMs: number;
  /** A veto window's end: then it is done. An approval's or a suggestion's end: then it is void. */
  endsAtMs: number;
}

/** Most proposals kept; the oldest suggestion gives way. */
export const MAX_PROPOSALS = 50;
export const VETO_WINDOW_MS = 10 * 60_000;
export const PROPOSAL_LIFE_MS = 24 * 3_600_000;

/** What the proposal is about, so that the same wish does not wait twice. */
export function subjectOf(act: ProposedAct): string {
  switch (act.kind) {
    case 'weight':
      return `weight/${act.step.campaignId}/${act.step.weight}`;
    case 'retrain':
      return `retrain/${act.agent}`;
    case 'autonomy':
      return `autonomy/${act.agent}`;
  }
}

/** The act as one line for people. */
export function sayAct(act: ProposedAct): string {
  switch (act.kind) {
    case 'weight': {
      const { step } = act;
      return `${step.weight} of ${step.campaignId} from ${step.from.toPrecision(4)} to ${step.to.toPrecision(4)}`;
    }
    case 'retrain':
      return `retrain ${act.agent}`;
    case 'autonomy':
      return `${act.agent} to ${act.level}, ${act.overrideBps / 100} % of decisions`;
  }
}
