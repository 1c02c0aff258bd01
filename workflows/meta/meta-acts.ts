/** What the meta-agent does to the world; every act is an intent in the ledger. */
import type { Agent, Intent } from '#domain/contracts';
import type { Actor } from '../messages';
import { idempotentWrites } from '../proxies';
import type { MetaRun } from './meta-run';

export const META: Actor = { name: 'meta', role: 'system' };

/** Writes quarantine and stop, and publishes them to the edges. */
export async function serve(run: MetaRun, by: Actor, reason: string): Promise<void> {
  const { view, input } = run;
  const text = `${view.bidding}; quarantined: ${view.quarantined.join(', ') || 'none'}`;
  run.note(text, `${by.name}: ${reason}`);
  await run.inOrder(() => {
    const control = { quarantined: view.quarantined, bidding: view.bidding };
    return idempotentWrites.setServing.executeWithOptions({ summary: text }, [
      { key: run.key('serving'), cell: input.cell, control, by: by.name, reason },
    ]);
  });
}

/** Starts a retraining, or joins the one of the same cutoff. */
export async function train(
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

/** Appends an intent to the ledger. */
export async function announce(
  run: MetaRun,
  kind: Intent['kind'],
  subject: string,
  action: Record<string, unknown>,
  reason: string,
  publisher: Intent['publisher'] = 'meta',
): Promise<void> {
  await idempotentWrites.appendMetaIntent({
    key: run.key('intent'),
    kind,
    publisher,
    subject,
    action,
    reason,
    expiresAt: null,
  });
}

/** Quarantines an agent for the fleet: its baseline decides. Nothing happens when it is quarantined already. */
export async function quarantineAgent(run: MetaRun, agent: Agent, by: Actor, reason: string): Promise<void> {
  const { view } = run;
  if (view.quarantined.includes(agent)) return;
  view.quarantined = [...view.quarantined, agent];
  if (by !== META) run.quarantinedBy[agent] = by.name;
  await serve(run, by, reason);
  await announce(run, 'agent.quarantined', agent, by === META ? { agent } : { agent, by: by.name }, reason);
}
