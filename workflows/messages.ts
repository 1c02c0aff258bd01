/** Every message of every workflow: the wire contract between the API, the worker and running histories. */
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Actor, Role } from '../activities/actor';
import type { RunProgress } from '../activities/training-ports';
import type { Acknowledgement, ShadowSummary } from '../activities/rollout-activities';
import type { AgentAutonomy, AutonomyLevel, Proposal } from '#domain/meta';
import type { Agent, GateResult, Int8Twin, RolloutPlan, RolloutState, Verdict } from '#domain/contracts';
import type { DataReport } from '#domain/learning';

import type { Governance } from './meta/governance';

export type { Actor, Role };

/** A command of an operator with its reason. */
export interface Command {
  by: Actor;
  reason: string;
}

/** An approval is bound to the evidence that was seen; it expires. */
export interface ApproveCommand extends Command {
  approvalId: string;
  evidenceDigest: string;
  expiresAtMs: number;
}

/** One reason why a plan or a release request is refused. */
export interface RolloutFault {
  pointer: string;
  code: string;
  detail: string;
}

/** A finished roll-back: time to safe counts from the verdict to the last connected edge's acknowledgement. */
export interface SafeReport {
  reason: string;
  targetId: string;
  snapshotVersion: number;
  verdictAtMs: number;
  safeAtMs: number;
  timeToSafeMs: number;
  acknowledged: string[];
  stragglers: string[];
}

/** What `rollOutPolicy` knows about itself; also the record that the API reads. */
export interface RolloutView {
  rolloutId: string;
  fleet: string;
  cell: string;
  agent: Agent;
  candidateId: string;
  /** The champion when the rollout was claimed: where a roll-back goes. */
  rollbackTargetId: string | null;
  requestedBy: string;
  state: RolloutState;
  /** Index into the plan's stages. */
  stage: number;
  stageKind: 'shadow' | 'canary' | null;
  shareBps: number;
  look: number;
  verdict: Verdict | null;
  /** Digest of the evidence an approval must name. */
  evidenceDigest: string | null;
  reason: string;
  waitingFor: string | null;
  deadlineAtMs: number | null;
  approvals: { approvalId: string; approver: string; stage: number; evidenceDigest: string; reason: string }[];
  guard: 'idle' | 'holding' | 'fired';
  safe: SafeReport | null;
  faults: RolloutFault[];
  /** Why exposure may not rise now (freeze, stopped line), or null. */
  held?: string | null;
  /** Who serves what the newest promotion, stage or roll-back published, edge by edge. */
  delivery?: DeliveryReport | null;
}

/** One published version against the edges of the fleet. */
export interface DeliveryReport extends Acknowledgement {
  what: 'stage' | 'promotion' | 'roll-back';
  version: number;
  atMs: number;
}

export interface RollOutPolicyInput {
  rolloutId: string;
  fleet: string;
  cell: string;
  agent: Agent;
  candidateId: string;
  plan: RolloutPlan;
  requestedBy: Actor;
  /** While another rollout holds cell and agent: refuse (the default) or wait for it. */
  whenBusy?: 'refuse' | 'queue';
  /** Looks after which a run continues as new; set by tests only. */
  looksPerRun?: number;
  /** How a rollout goes on after continue-as-new. */
  carried?: {
    view: RolloutView;
    step: number;
    openedAtMs: number;
    stageOpen: boolean;
    paused: boolean;
    clocks: RolloutClocks;
    approval: ApproveCommand | null;
  };
}

/** Since when a verdict has needed a human, and since when an approval has been waited for; epoch ms. */
export interface RolloutClocks {
  undecidedSinceMs: number | null;
  awaitingSinceMs: number | null;
}

export const rolloutState = defineQuery<RolloutView>('state');
export const approve = defineUpdate<RolloutView, [ApproveCommand]>('approve');
export const reject = defineUpdate<RolloutView, [Command]>('reject');
export const pause = defineUpdate<RolloutView, [Command]>('pause');
export const resume = defineUpdate<RolloutView, [Command]>('resume');
export const abort = defineUpdate<RolloutView, [Command]>('abort');
export const rollBack = defineUpdate<RolloutView, [Command]>('rollBack');
/** Skips the remaining stages; bound to the evidence seen, as an approval is. */
export const promoteFully = defineUpdate<RolloutView, [ApproveCommand]>('promoteFully');
/** Sent by the control plane when a newer candidate has taken the place of one that never served. */
export const supersede = defineSignal<[{ by: string }]>('supersede');
/** Sent by `rollBackTo` and `metaAgent`, which cannot send updates. */
export const rollBackRequested = defineSignal<[Command]>('rollBackRequested');

export interface ShadowEvidence extends ShadowSummary {
  verdict: 'pass' | 'fail' | 'no-data' | 'continue';
  reason: string;
  digest: string;
}

export interface ValidateInShadowInput {
  rolloutId: string;
  fleet: string;
  agent: Agent;
  stage: number;
  plan: RolloutPlan;
  requestedBy: string;
}
export const shadowEvidence = defineQuery<ShadowEvidence | null>('evidence');

/** Agents that learn; the others run baselines. */
export type TrainedAgent = 'bid' | 'budget';

export type TrainingKind = 'daily' | 'full' | 'manual' | 'drift' | 'imported';

/** Hyper-parameters that may be set; the others are the trainer's defaults (domain/learning). */
export interface TrainingHyper {
  epochs?: number;
  batchRows?: number;
  learningRate?: number;
  weightDecay?: number;
  patience?: number;
  minRows?: number;
}

export interface RetrainAgentsInput {
  fleet: string;
  cell: string;
  /** The agent to train; of several, the first. */
  agent: TrainedAgent;
  /** Given: these are trained in parallel on one window, each on its own queue and through its own gates. */
  agents?: TrainedAgent[];
  kind: TrainingKind;
  /** End of the window, epoch ms; together with the kind it names the run. */
  cutoffMs: number;
  windowSeconds: number;
  seed: number;
  requestedBy: Actor;
  hyper?: TrainingHyper;
  /** Artifact (already in the store) of a model trained elsewhere; only with kind `imported`. */
  imported?: { sha256: string; note: string; parity?: { input: number[]; output: number[] }[] };
  /** When given, a passed candidate is rolled out at once, not awaited. */
  rollout?: { rolloutId: string; plan: RolloutPlan };
}

export type TrainingStep =
  | 'freezing-window'
  | 'validating-data'
  | 'training'
  | 'checking-parity'
  | 'gate-held-out'
  | 'gate-ope'
  | 'gate-simulator'
  | 'registering'
  | 'finished'
  | 'failed'
  | 'cancelled';

/** How far one agent's training is, and what came of it. */
export interface AgentTraining {
  agent: TrainedAgent | 'several';
  step: TrainingStep;
  rows: number | null;
  gates: GateResult[];
  candidateId: string | null;
  /** False when a gate refused; the candidate is registered all the same, with its gate results. */
  passed: boolean | null;
  rolloutId: string | null;
  code: string | null;
  reason: string;
  /** Where the step is: fraction, epoch, pace, time left; null between steps. Absent in runs from before. */
  progress?: RunProgress | null;
  /** What the data gate found, also when it blocked. */
  data?: DataReport | null;
  int8?: Int8Twin | null;
}

/** What `retrainAgents` knows about itself; of several agents `parts` holds each, and the rest sums them up. */
export interface TrainingView extends AgentTraining {
  runKey: string;
  kind: TrainingKind;
  windowId: string | null;
  parts?: AgentTraining[];
}

/** An agent of a run that has not done anything yet. */
export function newAgentTraining(agent: AgentTraining['agent'], requestedBy: string): AgentTraining {
  return {
    agent,
    step: 'freezing-window',
    rows: null,
    gates: [],
    candidateId: null,
    passed: null,
    rolloutId: null,
    code: null,
    reason: `requested by ${requestedBy}`,
  };
}

/** A run that has not done anything yet. */
export function newTrainingView(
  run: Pick<TrainingView, 'runKey' | 'kind'> & { agent: TrainedAgent; agents?: TrainedAgent[]; requestedBy: string },
): TrainingView {
  const { runKey, agent, agents, kind, requestedBy } = run;
  return {
    ...newAgentTraining(agents === undefined ? agent : 'several', requestedBy),
    runKey,
    kind,
    windowId: null,
    ...(agents === undefined ? {} : { parts: agents.map((each) => newAgentTraining(each, requestedBy)) }),
  };
}
export const trainingProgress = defineQuery<TrainingView>('progress');
/** Sent by a training's own activity: where it is. */
export const trainingProgressed = defineSignal<[RunProgress]>('trainingProgressed');
export const cancelTraining = defineUpdate<TrainingView, [Command]>('cancel');

export interface RetrainTickInput {
  fleet: string;
  cell: string;
  agents: ('bid' | 'budget')[];
  kind: TrainingKind;
  windowSeconds: number;
}

export interface RollBackToInput {
  fleet: string;
  cell: string;
  agent: Agent;
  /** Any earlier version; the last known good one when null. */
  targetId: string | null;
  requestedBy: Actor;
  reason: string;
  /** When the wish arose, epoch ms; time to safe counts from here. */
  verdictAtMs: number;
}

export interface MetaView {
  fleet: string;
  paused: boolean;
  ticks: number;
  lastTickAtMs: number | null;
  quarantined: Agent[];
  bidding: 'running' | 'stopped';
  stoppedBy: string | null;
  lastActions: { atMs: number; action: string; reason: string }[];
  reason: string;
  /** Levels, shares and what waits; absent in runs that began before them. */
  autonomy?: Record<Agent, AgentAutonomy>;
  proposals?: Proposal[];
  /** Newest alerts of the KPI watch, what drift was last said, and the version of the weights or why they rest. */
  alerts?: string[];
  drift?: string;
  weights?: string;
}

export interface MetaAgentInput {
  fleet: string;
  cell: string;
  tickSeconds: number;
  /** Length of the KPI window that a tick reads, seconds. */
  windowSeconds: number;
  /** Ticks after which a run continues as new; set by tests only. */
  ticksPerRun?: number;
  /** How metaAgent goes on after continue-as-new. */
  carried?: {
    view: MetaView;
    step: number;
    memory: unknown;
    quarantinedBy: Partial<Record<Agent, string>>;
    governance?: Governance;
  };
}
export const metaState = defineQuery<MetaView>('state');
export const pauseMeta = defineUpdate<MetaView, [Command]>('pause');
export const resumeMeta = defineUpdate<MetaView, [Command]>('resume');
export const retrainNow = defineUpdate<MetaView, [Command & { agent: 'bid' | 'budget'; windowSeconds: number }]>(
  'retrainNow',
);
export const killAgent = defineUpdate<MetaView, [Command & { agent: Agent }]>('killAgent');
export const reviveAgent = defineUpdate<MetaView, [Command & { agent: Agent }]>('reviveAgent');
export const stopBidding = defineUpdate<MetaView, [Command]>('stopBidding');
export const resumeBidding = defineUpdate<MetaView, [Command]>('resumeBidding');

/** A weight of one campaign, by hand: inside its range and the room of a day and a week. */
export type SetWeightCommand = Command & { campaignId: string; weight: string; value: number };
/** Less takes effect at once; more waits for a second person. */
export type SetAutonomyCommand = Command & { agent: Agent; level?: AutonomyLevel; overrideBps?: number };
export type ApproveProposalCommand = Command & { proposalId: string };

export const setWeight = defineUpdate<MetaView, [SetWeightCommand]>('setWeight');
export const setAutonomy = defineUpdate<MetaView, [SetAutonomyCommand]>('setAutonomy');
export const approveProposal = defineUpdate<MetaView, [ApproveProposalCommand]>('approveProposal');
export const vetoProposal = defineUpdate<MetaView, [ApproveProposalCommand]>('vetoProposal');
