/** What every message and every start of a workflow must at least be: what the code reads without looking. */
import { AGENTS } from '#domain/contracts/agent-names';
import type { Role } from '../messages';
import { list, members, nullable, number, oneOf, optional, text, type Shape } from './shape';

const ROLES = {
  viewer: true,
  'ad-ops': true,
  'ml-lead': true,
  'release-manager': true,
  'on-call': true,
  admin: true,
  system: true,
} as const satisfies Record<Role, true>;
/** As long as the database takes; a longer one would be refused there for ever. */
const REASON = text(1000);
/** Reasons of workflows to each other carry the sender's id before an operator's words. */
const LONG_REASON = text(10_000);

const agent = oneOf(AGENTS);
const trained = oneOf(['bid', 'budget']);
const id = text();
const actor = members({ name: id, role: oneOf(Object.keys(ROLES)) });
const command = { by: actor, reason: REASON };
const object = members({});
const fleet = { fleet: id, cell: id };
const plan = members({ stages: list(members({ kind: oneOf(['shadow', 'canary']), shareBps: number(0) })) });
const arm = members({ versions: object });

/** First argument of each workflow, by type. */
export const START_SHAPES: Readonly<Record<string, Shape>> = {
  rollOutPolicy: members({ ...fleet, rolloutId: id, agent, candidateId: id, plan, requestedBy: actor }),
  validateInShadow: members({ rolloutId: id, fleet: id, agent, stage: number(0), plan, requestedBy: id }),
  runExperiment: members({
    ...fleet,
    experimentId: id,
    subject: members({ control: arm, treatment: arm }),
    plan: object,
    planDigest: id,
    requestedBy: actor,
  }),
  rollBackTo: members({
    ...fleet,
    agent,
    targetId: nullable(id),
    requestedBy: actor,
    reason: LONG_REASON,
    verdictAtMs: number(0),
  }),
  retrainAgents: members({
    ...fleet,
    agent: trained,
    agents: optional(list(trained)),
    kind: oneOf(['daily', 'full', 'manual', 'drift', 'imported']),
    cutoffMs: number(0),
    windowSeconds: number(1),
    seed: number(),
    requestedBy: actor,
  }),
  retrainTick: members({ ...fleet, agents: list(trained), windowSeconds: number(1) }),
  metaAgent: members({ ...fleet, tickSeconds: number(0), windowSeconds: number(1) }),
};

const approval = members({ ...command, approvalId: id, evidenceDigest: text(200, 0), expiresAtMs: number(0) });
const proposal = members({ ...command, proposalId: id });
const ofAgent = members({ ...command, agent });

/** First argument of each update, by name; the same name means the same in every workflow. */
export const UPDATE_SHAPES: Readonly<Record<string, Shape>> = {
  approve: approval,
  promoteFully: approval,
  reject: members(command),
  pause: members(command),
  resume: members(command),
  abort: members(command),
  rollBack: members(command),
  cancel: members(command),
  stopBidding: members(command),
  resumeBidding: members(command),
  killAgent: ofAgent,
  reviveAgent: ofAgent,
  retrainNow: members({ ...command, agent: trained, windowSeconds: number(1) }),
  setWeight: members({ ...command, campaignId: id, weight: id, value: number() }),
  setAutonomy: members({ ...command, agent, level: optional(id), overrideBps: optional(number(0)) }),
  approveProposal: proposal,
  vetoProposal: proposal,
};

/** First argument of each signal, by name. */
export const SIGNAL_SHAPES: Readonly<Record<string, Shape>> = {
  supersede: members({ by: id }),
  rollBackRequested: members({ by: actor, reason: LONG_REASON }),
  trainingProgressed: members({ agent: trained, activity: id, fraction: number(0) }),
};
