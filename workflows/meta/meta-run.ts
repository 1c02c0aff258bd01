import { patched, setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { AGENTS, type Agent } from '#domain/contracts/agent-names';
import { startAutonomy } from '#domain/meta/autonomy';
import { sayAct } from '#domain/meta/proposal';
import type { MetaAgentInput, MetaView } from '../messages';
import { AGENT_KEY, FLEET_KEY, REQUESTED_BY_KEY, STAGE_KEY, VERDICT_KEY } from '../search-attributes';
import type { Governance } from './governance';

/** Actions kept for the Temporal UI and the API. */
const LAST_ACTIONS = 20;
/** Proposals shown in the Temporal UI. */
const SHOWN_PROPOSALS = 10;

/** State of the meta-agent, carried through continue-as-new. */
export class MetaRun {
  readonly view: MetaView;
  memory: unknown;
  readonly quarantinedBy: Partial<Record<Agent, string>>;
  /** False in runs that began before weights, drift and autonomy were governed: their histories replay as they were. */
  readonly isGoverned: boolean;
  readonly governance: Governance;
  /** Whether what the database knows must be read first: a run that carries nothing would forget quarantine and levels. */
  readonly isFresh: boolean;
  private writing: Promise<unknown> = Promise.resolve();
  private shown = '';
  private step: number;

  constructor(readonly input: MetaAgentInput) {
    this.isGoverned = patched('meta-governance');
    const { carried } = input;
    this.view = carried?.view ?? {
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
    this.memory = carried?.memory ?? null;
    this.step = carried?.step ?? 0;
    this.quarantinedBy = carried?.quarantinedBy ?? {};
    this.isFresh = this.isGoverned && carried?.governance === undefined;
    this.governance = carried?.governance ?? {
      autonomy: startAutonomy(),
      proposals: [],
      retraining: null,
      outcomesSinceMs: null,
      driftAtMs: null,
    };
  }

  key(step: string): string {
    this.step += 1;
    return `${workflowInfo().workflowId}/${step}/${this.step}`;
  }

  /**
   * Runs writes of the serving control one after the other: each sets absolute values, and the retry of an earlier one must not land
   * on a later one. Runs that began ungoverned write at once, as their histories say.
   */
  inOrder<T>(write: () => Promise<T>): Promise<T> {
    if (!this.isGoverned) return write();
    const next = this.writing.then(write);
    this.writing = next.catch(() => undefined);
    return next;
  }

  note(action: string, reason: string): void {
    this.view.lastActions = [{ atMs: Date.now(), action, reason }, ...this.view.lastActions].slice(0, LAST_ACTIONS);
    this.show();
  }

  /** The view as people and the API read it: with autonomy and what waits, where the run has them. */
  told(): MetaView {
    if (!this.isGoverned) return this.view;
    const { autonomy, proposals } = this.governance;
    return { ...this.view, autonomy, proposals };
  }

  show(): void {
    const { view } = this;
    const actions = view.lastActions.map((a) => `- ${new Date(a.atMs).toISOString()} ${a.action}: ${a.reason}`);
    setCurrentDetails(
      [
        `### Meta-agent of ${view.fleet}: **${view.paused ? 'paused' : 'watching'}**, bidding ${view.bidding}`,
        `- quarantined: ${view.quarantined.join(', ') || 'none'}; ticks ${view.ticks}; ${view.reason}`,
        ...(this.isGoverned ? this.governed() : []),
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

  private governed(): string[] {
    const { autonomy, proposals } = this.governance;
    const levels = AGENTS.map((agent) => `${agent} ${autonomy[agent].level} (${autonomy[agent].overrideBps / 100} %)`);
    const waiting = proposals
      .slice(0, SHOWN_PROPOSALS)
      .map((p) => `- ${p.proposalId} waits for ${p.waitsFor}: ${sayAct(p.act)} (${p.reason})`);
    return [`- autonomy: ${levels.join(', ')}`, ...waiting];
  }

  carry(): MetaAgentInput {
    const { view, step, memory, quarantinedBy, governance } = this;
    const carried = { view, step, memory, quarantinedBy, ...(this.isGoverned ? { governance } : {}) };
    return { ...this.input, carried };
  }
}
