import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { PlanStage, RolloutState, Verdict } from '#domain/contracts';
import type { Actor, ApproveCommand, RollOutPolicyInput, RolloutClocks, RolloutView } from '../messages';
import { idempotentWrites } from '../proxies';
import { AGENT_KEY, FLEET_KEY, REQUESTED_BY_KEY, STAGE_KEY, VERDICT_KEY } from '../search-attributes';
import { outranks, type StopKind } from './command-rules';
import { rolloutDetails } from './rollout-details';

/** A wish to end the rollout that has not been carried out yet. */
export interface Stop {
  kind: StopKind;
  by: Actor;
  reason: string;
  atMs: number;
}

/** State of one rollout: its view, the counter of its idempotency keys, and what operators have asked for. */
export class RolloutRun {
  readonly view: RolloutView;
  stop: Stop | null = null;
  paused: boolean;
  /** Approval for leaving the present stage. */
  approval: ApproveCommand | null;
  openedAtMs: number;
  stageOpen: boolean;
  clocks: RolloutClocks;
  /** An operator's order to skip the remaining stages, bound to the evidence seen; not carried through continue-as-new. */
  fullPromotion: ApproveCommand | null = null;
  /** Pages on their way; the end of the run waits a moment for them. */
  readonly pagesRaised: Promise<void>[] = [];
  private step: number;
  private shown = '';

  constructor(readonly input: RollOutPolicyInput) {
    this.view = input.carried?.view ?? newView(input);
    this.step = input.carried?.step ?? 0;
    this.openedAtMs = input.carried?.openedAtMs ?? 0;
    this.stageOpen = input.carried?.stageOpen ?? false;
    this.paused = input.carried?.paused ?? false;
    this.approval = input.carried?.approval ?? null;
    this.clocks = input.carried?.clocks ?? { undecidedSinceMs: null, awaitingSinceMs: null };
  }

  get subject() {
    const { rolloutId, cell, agent, candidateId } = this.view;
    return { rolloutId, cell, agent, candidateId };
  }

  get stage(): PlanStage {
    return this.input.plan.stages[this.view.stage];
  }

  /** Next idempotency key: `{workflowId}/{step}/{n}`, n carried through continue-as-new. */
  key(step: string): { key: string; seq: number } {
    this.step += 1;
    return { key: `${workflowInfo().workflowId}/${step}/${this.step}`, seq: this.step };
  }

  /** Notes an operator's stop; abort outranks roll-back outranks reject. */
  askToStop(kind: StopKind, by: Actor, reason: string): void {
    if (outranks(kind, this.stop?.kind ?? null)) this.stop = { kind, by, reason, atMs: Date.now() };
  }

  /** True while the approval of the present stage may be acted on: newer evidence and time void it. */
  approvalStands(nowMs: number): boolean {
    const { approval, view } = this;
    return approval !== null && approval.evidenceDigest === view.evidenceDigest && approval.expiresAtMs > nowMs;
  }

  /** Moves to `state`, shows it in the Temporal UI and mirrors it in the rollout's row. */
  async enter(state: RolloutState, patch: Partial<RolloutView> = {}): Promise<void> {
    Object.assign(this.view, { waitingFor: null, deadlineAtMs: null }, patch, { state });
    await this.mirror();
  }

  /** Shows and stores the view as it is. */
  async mirror(): Promise<void> {
    const { view } = this;
    this.show();
    const { seq } = this.key('save');
    await idempotentWrites.saveRollout.executeWithOptions(
      { summary: `${view.state}${view.waitingFor === null ? '' : `: waiting for ${view.waitingFor}`}` },
      [
        {
          rolloutId: view.rolloutId,
          seq,
          state: view.state,
          stage: view.stage,
          look: view.look,
          verdict: view.verdict,
          evidenceDigest: view.evidenceDigest,
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
    setCurrentDetails(rolloutDetails(view, this.input));
    const stage = view.shareBps > 0 ? `${view.state} ${view.shareBps / 100}%` : view.state;
    const verdict = view.verdict ?? 'none';
    if (this.shown === `${stage}|${verdict}`) return;
    this.shown = `${stage}|${verdict}`;
    upsertSearchAttributes([
      { key: FLEET_KEY, value: view.fleet },
      { key: AGENT_KEY, value: view.agent },
      { key: REQUESTED_BY_KEY, value: view.requestedBy },
      { key: STAGE_KEY, value: stage },
      { key: VERDICT_KEY, value: verdict },
    ]);
  }

  /** Starts or stops the clock of verdicts that need a human; any such verdict keeps it running. */
  clockVerdict(verdict: Verdict): void {
    const undecided = verdict === 'inconclusive' || verdict === 'srm' || verdict === 'no-data' || verdict === 'error';
    this.clocks.undecidedSinceMs = undecided ? (this.clocks.undecidedSinceMs ?? Date.now()) : null;
  }

  /** Everything the next run of this workflow needs to go on. */
  carry(): RollOutPolicyInput {
    return {
      ...this.input,
      carried: {
        view: this.view,
        step: this.step,
        openedAtMs: this.openedAtMs,
        stageOpen: this.stageOpen,
        paused: this.paused,
        clocks: this.clocks,
        approval: this.approval,
      },
    };
  }
}

function newView(input: RollOutPolicyInput): RolloutView {
  return {
    rolloutId: input.rolloutId,
    fleet: input.fleet,
    cell: input.cell,
    agent: input.agent,
    candidateId: input.candidateId,
    rollbackTargetId: null,
    requestedBy: input.requestedBy.name,
    state: 'planned',
    stage: 0,
    stageKind: null,
    shareBps: 0,
    look: 0,
    verdict: null,
    evidenceDigest: null,
    reason: 'just requested',
    waitingFor: null,
    deadlineAtMs: null,
    approvals: [],
    guard: 'idle',
    safe: null,
    faults: [],
    held: null,
    delivery: null,
  };
}
