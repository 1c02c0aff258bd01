/** State of one retraining, mirrored in its row, its search attributes and the Temporal UI. */
import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  setCurrentDetails,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { RunProgress } from '../../activities/training-ports';
import type { DataReport } from '#domain/learning';
import {
  type AgentTraining,
  newTrainingView,
  type RetrainAgentsInput,
  type TrainingStep,
  type TrainingView,
} from '../messages';
import { idempotentWrites } from '../proxies';
import { AGENT_KEY, FLEET_KEY, REQUESTED_BY_KEY, STAGE_KEY, VERDICT_KEY } from '../search-attributes';

const ENDS: readonly TrainingStep[] = ['finished', 'failed', 'cancelled'];
/** Order of the steps: a run of several agents stands where its slowest agent stands. */
const ORDER: readonly TrainingStep[] = [
  'freezing-window',
  'validating-data',
  'training',
  'checking-parity',
  'gate-held-out',
  'gate-ope',
  'gate-simulator',
  'registering',
  ...ENDS,
];

export class TrainingRun {
  readonly view: TrainingView;
  /** One per agent; of a single agent it is the view itself. */
  readonly parts: readonly AgentTraining[];
  private step = 0;

  constructor(readonly input: RetrainAgentsInput) {
    const { agent, agents, kind, requestedBy } = input;
    const run = { runKey: workflowInfo().workflowId, agent, kind, requestedBy: requestedBy.name };
    this.view = newTrainingView(agents === undefined ? run : { ...run, agents });
    this.parts = this.view.parts ?? [this.view];
  }

  isOver(): boolean {
    return ENDS.includes(this.view.step);
  }

  key(step: string): { key: string; seq: number } {
    this.step += 1;
    return { key: `${workflowInfo().workflowId}/${step}/${this.step}`, seq: this.step };
  }

  /** What a training's activity tells; one that comes after its agent's step is over says nothing any more. */
  progressed(progress: RunProgress): void {
    const part = this.parts.find((each) => each.agent === progress.agent);
    if (part === undefined || ENDS.includes(part.step)) return;
    part.progress = progress;
    this.show();
  }

  /** An agent, or the whole run, enters a step. */
  async enter(part: AgentTraining, step: TrainingStep): Promise<void> {
    const { view, parts } = this;
    part.step = step;
    part.progress = null;
    if (part !== view) {
      const slowest = parts.map((each) => each.step).reduce((a, b) => (ORDER.indexOf(b) < ORDER.indexOf(a) ? b : a));
      // The run itself ends only once it has been summed up.
      view.step = ENDS.includes(slowest) ? 'registering' : slowest;
    }
    await this.save();
  }

  /** The champion stays: nothing here touches a pointer. */
  async failed(part: AgentTraining, error: unknown): Promise<void> {
    const cause = error instanceof ActivityFailure ? error.cause : error;
    part.code = cause instanceof ApplicationFailure ? (cause.type ?? 'TRAINING_FAILED') : 'TRAINING_FAILED';
    part.reason = cause instanceof Error ? cause.message : String(cause);
    const report = cause instanceof ApplicationFailure ? cause.details?.[0] : undefined;
    if (isDataReport(report)) part.data = report;
    await this.enter(part, 'failed');
  }

  /** Ends the whole run by a cancellation or by what stopped it before its agents parted ways. */
  async stopped(error: unknown): Promise<void> {
    const { view } = this;
    if (isCancellation(error)) {
      view.code = 'CANCELLED';
      for (const part of this.parts) if (!ENDS.includes(part.step)) part.step = 'cancelled';
      await this.enter(view, 'cancelled');
    } else {
      await this.failed(view, error);
    }
    await this.announce(view, 'training.refused');
  }

  async announce(part: AgentTraining, kind: 'training.finished' | 'training.refused'): Promise<void> {
    const { view } = this;
    await idempotentWrites.appendIntent({
      key: this.key('intent').key,
      kind,
      publisher: 'meta',
      subject: part === view ? view.runKey : `${view.runKey}#${part.agent}`,
      action: { agent: part.agent, candidateId: part.candidateId, code: part.code, windowId: view.windowId },
      reason: part.reason,
      expiresAt: null,
    });
  }

  private async save(): Promise<void> {
    const { view, input } = this;
    this.show();
    upsertSearchAttributes([
      { key: FLEET_KEY, value: input.fleet },
      { key: AGENT_KEY, value: view.agent },
      { key: REQUESTED_BY_KEY, value: input.requestedBy.name },
      { key: STAGE_KEY, value: view.step },
      { key: VERDICT_KEY, value: view.passed === null ? 'none' : view.passed ? 'passed' : 'refused' },
    ]);
    await idempotentWrites.saveTrainingRun.executeWithOptions({ summary: view.step }, [
      {
        runKey: view.runKey,
        seq: this.key('save').seq,
        fleet: input.fleet,
        agent: view.agent,
        kind: input.kind,
        step: view.step,
        code: view.code,
        candidateId: view.candidateId,
        rolloutId: view.rolloutId,
        requestedBy: input.requestedBy.name,
        view: { ...view },
      },
    ]);
  }

  private show(): void {
    const { view } = this;
    const parts = view.parts ?? [];
    setCurrentDetails(
      [
        `### Training of ${view.agent} (${view.kind}): **${view.step}**`,
        `- window ${view.windowId ?? 'not frozen yet'}, ${view.rows ?? '?'} rows`,
        ...partDetails(view),
        ...parts.flatMap((part) => [
          `#### ${part.agent}: **${part.step}**, ${part.rows ?? '?'} rows`,
          ...partDetails(part),
        ]),
      ].join('\n'),
    );
  }
}

function partDetails(part: AgentTraining): string[] {
  const { progress } = part;
  return [
    ...(progress == null ? [] : [`- ${progressSentence(progress)}`]),
    ...part.gates.map((gate) => `- ${gate.passed ? 'passed' : '**refused**'} ${gate.gate}: ${gate.reason}`),
    ...(part.int8 == null ? [] : [`- int8 twin ${part.int8.reason}`]),
    `- ${part.code === null ? '' : `**${part.code}** `}${part.reason}`,
    ...(part.candidateId === null ? [] : [`- candidate ${part.candidateId}`]),
    ...(part.rolloutId === null ? [] : [`- rollout/${part.rolloutId}`]),
  ];
}

/** `40 %, epoch 12 of 30, 85000 rows/s, 9 s left, attempt 2 from epoch 7`. */
function progressSentence(progress: RunProgress): string {
  const { fraction, epoch, epochs, rowsPerSecond, etaSeconds, attempt, resumedFromEpoch } = progress;
  return [
    `${Math.floor(fraction * 100)} %`,
    ...(epoch === null ? [] : [`epoch ${epoch} of ${epochs ?? '?'}`]),
    ...(rowsPerSecond === null ? [] : [`${rowsPerSecond} rows/s`]),
    ...(etaSeconds === null ? [] : [`${etaSeconds} s left`]),
    ...(attempt === 1 ? [] : [`attempt ${attempt} from epoch ${resumedFromEpoch}`]),
  ].join(', ');
}

const isDataReport = (value: unknown): value is DataReport =>
  typeof value === 'object' && value !== null && 'findings' in value && 'rowsKept' in value;
