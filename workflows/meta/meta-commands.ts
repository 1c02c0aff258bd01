import { ApplicationFailure, setHandler } from '@temporalio/workflow';
import type { Agent } from '#domain/contracts';
import * as messages from '../messages';
import type { Command, MetaView, Role } from '../messages';
import { handleGovernance } from './governed-commands';
import { announce, quarantineAgent, serve, train } from './meta-acts';
import type { MetaRun } from './meta-run';
import { distrust } from './proposals';

/** Stopping is open to those who watch; lifting a stop or a quarantine needs a second person. */
const MAY_COMMAND: readonly Role[] = ['release-manager', 'on-call', 'admin'];

export function handleCommands(run: MetaRun): void {
  const { view } = run;
  const refuse = (code: string, message: string) => {
    throw ApplicationFailure.nonRetryable(message, code);
  };
  const may = (command: Command, roles = MAY_COMMAND) => {
    if (!roles.includes(command.by.role))
      refuse('ROLE_NOT_ALLOWED', `${command.by.role} may not command the meta-agent`);
  };
  handleGovernance(run);
  setHandler(messages.metaState, () => run.told());
  const pausing = (paused: boolean) => (command: Command) => {
    view.paused = paused;
    run.note(paused ? 'paused' : 'resumed', `${command.by.name}: ${command.reason}`);
    return run.told();
  };
  setHandler(messages.pauseMeta, pausing(true), { validator: (command) => may(command) });
  setHandler(messages.resumeMeta, pausing(false), { validator: (command) => may(command) });
  setHandler(
    messages.retrainNow,
    async (command) => {
      await train(run, command.agent, command.by, command.windowSeconds, command.reason);
      return run.told();
    },
    { validator: (command) => may(command, ['ml-lead', 'release-manager', 'admin']) },
  );
  setHandler(messages.killAgent, (command) => quarantine(run, command), { validator: (command) => may(command) });
  setHandler(messages.reviveAgent, (command) => revive(run, command), {
    validator: (command: Command & { agent: Agent }) => {
      may(command);
      if (run.quarantinedBy[command.agent] === command.by.name) {
        refuse('FOUR_EYES', `${command.by.name} quarantined it; somebody else must lift it`);
      }
    },
  });
  setHandler(messages.stopBidding, (command) => setBidding(run, 'stopped', command), {
    validator: (command) => may(command),
  });
  setHandler(messages.resumeBidding, (command) => setBidding(run, 'running', command), {
    validator: (command) => {
      may(command);
      if (view.stoppedBy === command.by.name) {
        refuse('FOUR_EYES', `${command.by.name} stopped bidding; somebody else must lift it`);
      }
    },
  });
}

async function quarantine(run: MetaRun, command: Command & { agent: Agent }): Promise<MetaView> {
  if (run.view.quarantined.includes(command.agent)) return run.told();
  await quarantineAgent(run, command.agent, command.by, command.reason);
  if (run.isGoverned) await distrust(run, command.agent, 'override', `${command.by.name}: ${command.reason}`);
  return run.told();
}

async function revive(run: MetaRun, command: Command & { agent: Agent }): Promise<MetaView> {
  const { view } = run;
  view.quarantined = view.quarantined.filter((agent) => agent !== command.agent);
  delete run.quarantinedBy[command.agent];
  await serve(run, command.by, command.reason);
  await announce(run, 'autonomy.changed', command.agent, { agent: command.agent, by: command.by.name }, command.reason);
  return run.told();
}

async function setBidding(run: MetaRun, bidding: MetaView['bidding'], command: Command): Promise<MetaView> {
  const { view } = run;
  if (view.bidding === bidding) return run.told();
  view.bidding = bidding;
  view.stoppedBy = bidding === 'stopped' ? command.by.name : null;
  await serve(run, command.by, command.reason);
  const kind = bidding === 'stopped' ? 'bidding.stopped' : 'bidding.resumed';
  await announce(run, kind, run.input.cell, { by: command.by.name }, command.reason);
  return run.told();
}
