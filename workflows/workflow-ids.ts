/** Workflow ids and task queues: one place, because both the API and the workflows name them. */
import type { TrainedAgent, TrainingKind } from './messages';

export const CONTROL_QUEUE = 'control';
export const TRAINING_QUEUE = 'training';

/** Queue of one agent's learning: each scales as a container of its own. */
export const agentQueue = (agent: 'bid' | 'budget' | 'creative' | 'frequency'): string => `agent-${agent}`;

/** Every queue that a worker may serve; one process serves all unless its settings name some. */
export const TASK_QUEUES: readonly string[] = [
  CONTROL_QUEUE,
  TRAINING_QUEUE,
  agentQueue('budget'),
  agentQueue('creative'),
  agentQueue('bid'),
  agentQueue('frequency'),
];

export const rolloutWorkflowId = (rolloutId: string): string => `rollout/${rolloutId}`;
export const shadowWorkflowId = (rolloutId: string): string => `shadow/${rolloutId}`;
export const experimentWorkflowId = (experimentId: string): string => `experiment/${experimentId}`;
export const metaWorkflowId = (fleet: string): string => `meta-agent/${fleet}`;
export const rollBackWorkflowId = (fleet: string, n: string | number): string => `rollback/${fleet}/${n}`;

/**
 * `subject` is the cutoff in epoch ms, or the artifact's sha256 when a model is imported. A run of several agents has no agent in its
 * id: the same fleet, kind and cutoff is the same run.
 */
export const retrainWorkflowId = (
  fleet: string,
  agent: TrainedAgent | 'several',
  kind: TrainingKind,
  subject: string | number,
): string =>
  agent === 'several' ? `retrain/${fleet}/${kind}/${subject}` : `retrain/${fleet}/${agent}/${kind}/${subject}`;
