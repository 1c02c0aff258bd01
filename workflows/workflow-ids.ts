/** Workflow ids and task queues: one place, because both the API and the workflows name them. */
import type { TrainingKind } from './messages';

export const CONTROL_QUEUE = 'control';
export const TRAINING_QUEUE = 'training';

export const rolloutWorkflowId = (rolloutId: string): string => `rollout/${rolloutId}`;
export const shadowWorkflowId = (rolloutId: string): string => `shadow/${rolloutId}`;
export const metaWorkflowId = (fleet: string): string => `meta-agent/${fleet}`;
export const rollBackWorkflowId = (fleet: string, n: string | number): string => `rollback/${fleet}/${n}`;

/** `subject` is the cutoff in epoch ms, or the artifact's sha256 when a model is imported. */
export const retrainWorkflowId = (fleet: string, agent: string, kind: TrainingKind, subject: string | number): string =>
  `retrain/${fleet}/${agent}/${kind}/${subject}`;
