/** Commands about weights, autonomy and proposals. */
import { ApplicationFailure, setHandler } from '@temporalio/workflow';
import { isWeightName, NEVER_TUNABLE, WEIGHTS, type WeightName } from '#domain/contracts/weight-ranges';
import { isRaise } from '#domain/meta/autonomy';
import { sayAct, subjectOf } from '#domain/meta/proposal';
import * as messages from '../messages';
import type { ApproveProposalCommand, Command, Role, SetAutonomyCommand, SetWeightCommand } from '../messages';
import { idempotentWrites } from '../proxies';
import { announce, META } from './meta-acts';
import type { MetaRun } from './meta-run';
import { distrust, execute, propose, setAutonomy, take } from './proposals';

const TUNERS: readonly Role[] = ['ml-lead', 'release-manager', 'admin'];
const TRUSTERS: readonly Role[] = ['release-manager', 'admin'];
const STOPPERS: readonly Role[] = ['ml-lead', 'release-manager', 'on-call', 'admin'];

const refuse = (code: string, message: string): never => {
  throw ApplicationFailure.nonRetryable(message, code);
};

export function handleGovernance(run: MetaRun): void {
  const may = (command: Command, roles: readonly Role[]) => {
    if (!run.isGoverned) refuse('NOT_YET', 'this run began before an upgrade; try again after its next thousand ticks');
    if (!roles.includes(command.by.role))
      refuse('ROLE_NOT_ALLOWED', `${command.by.role} may not do this; ${roles.join(', ')} may`);
  };
  setHandler(messages.setWeight, (command) => setWeight(run, command), {
    validator: (command) => {
      may(command, TUNERS);
      checkWeight(command);
    },
  });
  setHandler(messages.setAutonomy, (command) => changeAutonomy(run, command), {
    validator: (command: SetAutonomyCommand) => {
      may(command, isRaise(run.governance.autonomy[command.agent], command) ? TRUSTERS : STOPPERS);
      if (command.level === undefined && command.overrideBps === undefined)
        refuse('NOTHING_TO_SET', 'give a level, a share, or both');
    },
  });
  setHandler(messages.approveProposal, (command) => approve(run, command), {
    validator: (command) => {
      const proposal = pending(run, command);
      may(command, proposal.act.kind === 'autonomy' ? TRUSTERS : TUNERS);
      if (proposal.requestedBy === command.by.name)
        refuse('FOUR_EYES', `${command.by.name} asked for it; somebody else must approve it`);
    },
  });
  setHandler(messages.vetoProposal, (command) => veto(run, command), {
    validator: (command) => {
      may(command, STOPPERS);
      pending(run, command);
    },
  });
}

function checkWeight({ weight, value }: SetWeightCommand): void {
  if ((NEVER_TUNABLE as readonly string[]).includes(weight))
    refuse(
      'NEVER_TUNABLE',
      `${weight} is never tuned: it is the campaign's or the policy's, and changes through their gates`,
    );
  if (!isWeightName(weight)) return refuse('UNKNOWN_WEIGHT', `there is no weight ${weight}`);
  const { least, most, isServed } = WEIGHTS[weight];
  if (!isServed) refuse('WEIGHT_NOT_SERVED', `no serving agent reads ${weight} yet; setting it would change nothing`);
  if (!(value >= least && value <= most))
    refuse(
      'WEIGHT_OUT_OF_RANGE',
      `${weight} may be ${least} to ${most}; another range is a policy change and passes the gates`,
    );
}

const pending = (run: MetaRun, { proposalId }: { proposalId: string }) => {
  const found = run.governance.proposals.find((proposal) => proposal.proposalId === proposalId);
  if (found === undefined) throw ApplicationFailure.nonRetryable(`no proposal ${proposalId} waits`, 'NOT_PENDING');
  return found;
};

async function setWeight(run: MetaRun, command: SetWeightCommand) {
  const { campaignId, weight, value, by, reason } = command;
  const outcome = await idempotentWrites.changeWeight({
    ...{ key: run.key('weight'), cell: run.input.cell, campaignId, to: value, kind: 'operator' },
    // The validator has let no other name through.
    weight: weight as WeightName,
    ...{ by: by.name, reason, evidence: null },
  });
  if (!outcome.changed) return refuse(outcome.code, outcome.reason);
  run.note(`${weight} of ${campaignId} from ${outcome.from} to ${outcome.to}`, `${by.name}: ${reason}`);
  // What waited was meant for the value before.
  const stale = run.governance.proposals.filter((p) => subjectOf(p.act) === `weight/${campaignId}/${weight}`);
  for (const proposal of stale) take(run, proposal.proposalId);
  return run.told();
}

async function changeAutonomy(run: MetaRun, command: SetAutonomyCommand) {
  const { agent, by, reason } = command;
  const current = run.governance.autonomy[agent];
  const level = command.level ?? current.level;
  const overrideBps = command.overrideBps ?? current.overrideBps;
  if (isRaise(current, command)) {
    await propose(run, { kind: 'autonomy', agent, level, overrideBps }, reason, by.name, 'approval');
  } else {
    const change = { level, overrideBps, cleanSinceMs: Date.now(), accepted: 0 };
    await setAutonomy(run, agent, change, by, reason);
  }
  return run.told();
}

async function approve(run: MetaRun, command: ApproveProposalCommand) {
  const proposal = take(run, command.proposalId);
  if (proposal === null) return refuse('NOT_PENDING', `no proposal ${command.proposalId} waits`);
  const { by, reason } = command;
  const action = { proposalId: proposal.proposalId, act: proposal.act, by: by.name };
  await announce(run, 'proposal.approved', subjectOf(proposal.act), action, reason, 'operator');
  run.note(`${by.name} approved ${sayAct(proposal.act)}`, reason);
  await execute(run, proposal.act, by, `${proposal.reason}; approved by ${by.name}: ${reason}`);
  return run.told();
}

async function veto(run: MetaRun, command: ApproveProposalCommand) {
  const proposal = take(run, command.proposalId);
  if (proposal === null) return refuse('NOT_PENDING', `no proposal ${command.proposalId} waits`);
  const { by, reason } = command;
  const action = { proposalId: proposal.proposalId, act: proposal.act, by: by.name };
  await announce(run, 'proposal.vetoed', subjectOf(proposal.act), action, reason, 'operator');
  run.note(`${by.name} vetoed ${sayAct(proposal.act)}`, reason);
  // Only what the meta-agent wanted is an override of it.
  if (proposal.requestedBy === META.name && proposal.act.kind !== 'autonomy')
    await distrust(run, proposal.agent, 'override', `${by.name} vetoed ${sayAct(proposal.act)}`);
  return run.told();
}
