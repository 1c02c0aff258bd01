import {
  allHandlersFinished,
  ApplicationFailure,
  condition,
  continueAsNew,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Agent, Intent } from '#domain/contracts';
import { judgeFleet } from '#domain/meta/fleet-policy';
import * as messages from './messages';
import type { Actor, Command, MetaAgentInput, MetaView, Role } from './messages';
import { idempotentWrites, reads } from './proxies';
import { AGENT_KEY, FLEET_KEY, REQUESTED_BY_KEY, STAGE_KEY, VERDICT_KEY } from './search-attributes';

/** Ticks that one run may see before it continues as new even when Temporal does not suggest it. */
const TICKS_PER_RUN = 1000;
/** Actions kept for the Temporal UI and the API. */
const LAST_ACTIONS = 20;

/**
 * Watches one fleet for ever: every tick it reads KPIs, asks domain/meta, and quarantines a failing agent, asks for
 * retraining, or proposes to stop. Operators' commands act at once, also while it is paused.
 */
export async function metaAgent(input: MetaAgentInput): Promise<void> {
  const run = new MetaRun(input);
  handleCommands(run);
  run.show();
  for (
    let ticks = 0;
    ticks < (input.ticksPerRun ?? TICKS_PER_RUN) && !workflowInfo().continueAsNewSuggested;
    ticks += 1
  ) {
    await sleep(input.tickSeconds * 1000, { summary: 'until the next tick' });
    if (!run.view.paused) await tick(run);
    run.show();
  }
  await condition(allHandlersFinished);
  await continueAsNew<typeof metaAgent>(run.carry());
}

async function tick(run: MetaRun): Promise<void> {
  const { input, view } = run;
  const { cell, windowSeconds } = input;
  const health = await reads.readFleetHealth({ cell, windowSeconds });
  view.ticks += 1;
  view.lastTickAtMs = Date.now();
  const judged = judgeFleet({ health, quarantined: view.quarantined, memory: run.memory, nowMs: Date.now() });
  run.memory = judged.memory;
  view.reason = judged.reason;
  for (const action of judged.actions) {
    switch (action.kind) {
      case 'quarantine':
        view.quarantined = [...view.quarantined, action.agent];
        await serve(run, META, action.reason);
        await announce(run, 'agent.quarantined', action.agent, { agent: action.agent }, action.reason);
        break;
      case 'propose-stop':
        // Stopping the fleet is a person's decision; the proposal pages.
        run.note('proposes to stop bidding', action.reason);
        break;
      case 'retrain':
        await train(run, action.agent, META, Math.max(3600, input.windowSeconds), action.reason);
        break;
    }
  }
}

const META: Actor = { name: 'meta', role: 'system' };

async function serve(run: MetaRun, by: Actor, reason: string): Promise<void> {
  const { view, input } = run;
  const control = { quarantined: view.quarantined, bidding: view.bidding };
  const text = `${view.bidding}; quarantined: ${view.quarantined.join(', ') || 'none'}`;
  run.note(text, `${by.name}: ${reason}`);
  await idempotentWrites.setServing.executeWithOptions({ summary: text }, [
    { key: run.key('serving'), cell: input.cell, control, by: by.name, reason },
  ]);
}

async function train(
  run: MetaRun,
  agent: 'bid' | 'budget',
  by: Actor,
  windowSeconds: number,
  reason: string,
): Promise<void> {
  const { fleet, cell } = run.input;
  const kind = by.role === 'system' ? ('drift' as const) : ('manual' as const);
  const { workflowId } = await idempotentWrites.startTraining({
    fleet,
    cell,
    agent,
    kind,
    cutoffMs: Date.now(),
    windowSeconds,
    requestedBy: by,
  });
  run.note(`started ${workflowId}`, reason);
}

async function announce(
  run: MetaRun,
  kind: Intent['kind'],
  subject: string,
  action: Record<string, unknown>,
  reason: string,
): Promise<void> {
  await idempotentWrites.appendMetaIntent({
    key: run.key('intent'),
    kind,
    publisher: 'meta',
    subject,
    action,
    reason,
    expiresAt: null,
  });
}

/** Stopping is open to those who watch; lifting a stop or a quarantine needs a second person. */
const MAY_COMMAND: readonly Role[] = ['release-manager', 'on-call', 'admin'];

function handleCommands(run: MetaRun): void {
  const { view } = run;
  const refuse = (code: string, message: string) => {
    throw ApplicationFailure.nonRetryable(message, code);
  };
  const may = (command: Command, roles = MAY_COMMAND) => {
    if (!roles.includes(command.by.role))
      refuse('ROLE_NOT_ALLOWED', `${command.by.role} may not command the meta-agent`);
  };
  setHandler(messages.metaState, () => view);
  const pausing = (paused: boolean) => (command: Command) => {
    view.paused = paused;
    run.note(paused ? 'paused' : 'resumed', `${command.by.name}: ${command.reason}`);
    return view;
  };
  setHandler(messages.pauseMeta, pausing(true), { validator: (command) => may(command) });
  setHandler(messages.resumeMeta, pausing(false), { validator: (command) => may(command) });
  setHandler(
    messages.retrainNow,
    async (command) => {
      await train(run, command.agent, command.by, command.windowSeconds, command.reason);
      return view;
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
  const { view } = run;
  if (view.quarantined.includes(command.agent)) return view;
  view.quarantined = [...view.quarantined, command.agent];
  run.quarantinedBy[command.agent] = command.by.name;
  await serve(run, command.by, command.reason);
  await announce(
    run,
    'agent.quarantined',
    command.agent,
    { agent: command.agent, by: command.by.name },
    command.reason,
  );
  return view;
}

async function revive(run: MetaRun, command: Command & { agent: Agent }): Promise<MetaView> {
  const { view } = run;
  view.quarantined = view.quarantined.filter((agent) => agent !== command.agent);
  delete run.quarantinedBy[command.agent];
  await serve(run, command.by, command.reason);
  await announce(run, 'autonomy.changed', command.agent, { agent: command.agent, by: command.by.name }, command.reason);
  return view;
}

async function setBidding(run: MetaRun, bidding: MetaView['bidding'], command: Command): Promise<MetaView> {
  const { view } = run;
  if (view.bidding === bidding) return view;
  view.bidding = bidding;
  view.stoppedBy = bidding === 'stopped' ? command.by.name : null;
  await serve(run, command.by, command.reason);
  const kind = bidding === 'stopped' ? 'bidding.stopped' : 'bidding.resumed';
  await announce(run, kind, run.input.cell, { by: command.by.name }, command.reason);
  return view;
}

/** State of the meta-agent, carried through continue-as-new. */
class MetaRun {
  readonly view: MetaView;
  memory: unknown;
  private shown = '';
  readonly quarantinedBy: Partial<Record<Agent, string>>;
  private step: number;

  constructor(readonly input: MetaAgentInput) {
    this.view = input.carried?.view ?? {
      fleet: input.fleet,
      paused: false,
      ticks: 0,
      lastTickAtMs: null,
      quarantined: [],
      bidding: 'running',
      stoppedBy: null,
      lastActions: [],
      reason: 'just started',
    };
    this.memory = input.carried?.memory ?? null;
    this.step = input.carried?.step ?? 0;
    this.quarantinedBy = input.carried?.quarantinedBy ?? {};
  }

  key(step: string): string {
    this.step += 1;
    return `${workflowInfo().workflowId}/${step}/${this.step}`;
  }

  note(action: string, reason: string): void {
    this.view.lastActions = [{ atMs: Date.now(), action, reason }, ...this.view.lastActions].slice(0, LAST_ACTIONS);
    this.show();
  }

  show(): void {
    const { view } = this;
    const actions = view.lastActions.map((a) => `- ${new Date(a.atMs).toISOString()} ${a.action}: ${a.reason}`);
    setCurrentDetails(
      [
        `### Meta-agent of ${view.fleet}: **${view.paused ? 'paused' : 'watching'}**, bidding ${view.bidding}`,
        `- quarantined: ${view.quarantined.join(', ') || 'none'}; ticks ${view.ticks}; ${view.reason}`,
        ...actions,
      ].join('\n'),
    );
    const shown = `${view.paused}|${view.bidding}`;
    if (this.shown === shown) return;
    this.shown = shown;
    upsertSearchAttributes([
      { key: FLEET_KEY, value: view.fleet },
      { key: AGENT_KEY, value: 'meta' },
      { key: REQUESTED_BY_KEY, value: 'worker' },
      { key: STAGE_KEY, value: view.paused ? 'paused' : 'watching' },
      { key: VERDICT_KEY, value: view.bidding },
    ]);
  }

  carry(): MetaAgentInput {
    const { view, step, memory, quarantinedBy } = this;
    return { ...this.input, carried: { view, step, memory, quarantinedBy } };
  }
}
