import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { ExperimentState, ExperimentVerdict } from '#domain/contracts';
import { isUnusable } from '#domain/experiment/next-step';
import { agentsOfSubject } from '#domain/experiment/subject';
import type { PageKind } from '../../activities/page-activities';
import type { Actor, Command } from '../messages';
import { raisePage } from '../raise-page';
import { AGENT_KEY, FLEET_KEY, REQUESTED_BY_KEY, STAGE_KEY, VERDICT_KEY } from '../search-attributes';
import { experimentDetails } from './experiment-details';
import type { ExperimentView, RunExperimentInput, UntrustedPages } from './messages';
import { experimentWrites } from './proxies';

/** A wish to end the experiment that has not been carried out yet. */
export interface Abort {
  by: Actor;
  reason: string;
  atMs: number;
}

/** An incident that comes and goes calls for the same cause at most this often. */
const PAGE_AGAIN_MS = 3_600_000;

/** State of one experiment: its view, the counter of its idempotency keys, and what operators have asked for. */
export class ExperimentRun {
  readonly view: ExperimentView;
  abort: Abort | null = null;
  /** The pause that holds, carried out or not. */
  paused: Command | null;
  /** Since when the verdict says nothing about the arms. */
  unusableSinceMs: number | null;
  /** Pages on their way: they must not be dropped with the run. */
  readonly pagesRaised: Promise<void>[] = [];
  private readonly untrusted: UntrustedPages;
  private step: number;
  private shown = '';

  constructor(readonly input: RunExperimentInput) {
    this.view = input.carried?.view ?? newView(input);
    this.step = input.carried?.step ?? 0;
    this.unusableSinceMs = input.carried?.unusableSinceMs ?? null;
    this.paused = input.carried?.paused ?? null;
    this.untrusted = { ...input.carried?.untrusted };
  }

  /** Next idempotency key: `{workflowId}/{step}/{n}`, n carried through continue-as-new. */
  key(step: string): { key: string; seq: number } {
    this.step += 1;
    return { key: `${workflowInfo().workflowId}/${step}/${this.step}`, seq: this.step };
  }

  /** Notes an operator's abort; the first one is the one that counts. */
  askToAbort(by: Actor, reason: string): void {
    this.abort ??= { by, reason, atMs: Date.now() };
  }

  /** Serving time up to now, pauses left out. */
  servedSeconds(): number {
    return this.view.servedSeconds + this.periodSeconds();
  }

  periodSeconds(): number {
    const { openedAtMs } = this.view;
    return openedAtMs === null ? 0 : Math.max(0, Date.now() - openedAtMs) / 1000;
  }

  /** The period is over: its time is added up, and nothing is open any more. */
  closePeriod(): void {
    const { view } = this;
    view.servedSeconds += this.periodSeconds();
    view.openedAtMs = null;
    view.horizonAtMs = null;
  }

  /** Starts or stops the clock of verdicts that say nothing. */
  clockVerdict(verdict: ExperimentVerdict): number {
    this.unusableSinceMs = isUnusable(verdict) ? (this.unusableSinceMs ?? Date.now()) : null;
    return this.unusableSinceMs === null ? 0 : (Date.now() - this.unusableSinceMs) / 1000;
  }

  /** Calls a human, once per `once`. */
  page(kind: PageKind, reason: string, once: string): void {
    const { experimentId: subject, cell } = this.view;
    const raised = raisePage({ kind, cell, agent: null, subject, reason, once });
    if (raised !== undefined) this.pagesRaised.push(raised);
  }

  /** Calls a human about looks that say nothing: once per cause while it lasts. */
  pageUntrusted(verdict: ExperimentVerdict, reason: string): void {
    const now = Date.now();
    const sinceMs = this.unusableSinceMs ?? now;
    const last = this.untrusted[verdict];
    if (last !== undefined && (last.sinceMs === sinceMs || now - last.pagedAtMs < PAGE_AGAIN_MS)) return;
    this.untrusted[verdict] = { sinceMs, pagedAtMs: now };
    this.page('experiment-untrusted', reason, `${this.view.period}/${verdict}/${sinceMs}`);
  }

  /** Moves to `state`, shows it in the Temporal UI and mirrors it in the experiment's row. */
  async enter(state: ExperimentState, patch: Partial<ExperimentView> = {}): Promise<void> {
    Object.assign(this.view, { waitingFor: null, deadlineAtMs: null }, patch, { state });
    await this.mirror();
  }

  /** Shows and stores the view as it is. */
  async mirror(): Promise<void> {
    const { view } = this;
    this.show();
    const { seq } = this.key('save');
    await experimentWrites.saveExperiment.executeWithOptions(
      { summary: `${view.state}${view.waitingFor === null ? '' : `: waiting for ${view.waitingFor}`}` },
      [
        {
          experimentId: view.experimentId,
          seq,
          state: view.state,
          result: view.result,
          period: view.period,
          look: view.look,
          verdict: view.verdict,
          reason: view.reason,
          waitingFor: view.waitingFor,
          view: { ...view },
        },
      ],
    );
  }

  /** Current details and search attributes, without touching the database; unchanged attributes add no history. */
  show(): void {
    const { view } = this;
    setCurrentDetails(experimentDetails(view, this.input));
    const stage = view.shareBps > 0 ? `${view.state} ${view.shareBps / 100}%` : view.state;
    const verdict = view.result ?? view.verdict ?? 'none';
    if (this.shown === `${stage}|${verdict}`) return;
    this.shown = `${stage}|${verdict}`;
    upsertSearchAttributes([
      { key: FLEET_KEY, value: view.fleet },
      { key: AGENT_KEY, value: agentsOfSubject(view.subject).join('+') },
      { key: REQUESTED_BY_KEY, value: view.requestedBy },
      { key: STAGE_KEY, value: `experiment ${stage}` },
      { key: VERDICT_KEY, value: verdict },
    ]);
  }

  /** Everything the next run of this workflow needs to go on. */
  carry(): RunExperimentInput {
    const { view, step, unusableSinceMs, paused, untrusted } = this;
    return { ...this.input, carried: { view, step, unusableSinceMs, paused, untrusted } };
  }
}

function newView(input: RunExperimentInput): ExperimentView {
  return {
    experimentId: input.experimentId,
    fleet: input.fleet,
    cell: input.cell,
    subject: input.subject,
    planDigest: input.planDigest,
    requestedBy: input.requestedBy.name,
    state: 'registered',
    result: null,
    claimed: false,
    period: 0,
    shareBps: 0,
    look: 0,
    servedSeconds: 0,
    openedAtMs: null,
    horizonAtMs: null,
    verdict: null,
    readout: null,
    evidenceDigest: null,
    reason: 'just registered',
    waitingFor: null,
    deadlineAtMs: null,
    guard: 'idle',
    power: null,
    safe: null,
    faults: [],
  };
}
