/** Activity proxies, one per meaning; each is bound by time, not by attempts (style.md, "Retries"). */
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { ClaimActivities } from '../activities/claim-activities';
import type { GuardActivities } from '../activities/guard-activities';
import type { MetaActivities } from '../activities/meta-activities';
import type { PageActivities } from '../activities/page-activities';
import type { WatchActivities } from '../activities/watch-activities';
import type { RolloutActivities } from '../activities/rollout-activities';
import type { TrainingActivities } from '../activities/training-activities';
import { agentQueue, CONTROL_QUEUE, TRAINING_QUEUE } from './workflow-ids';

const retry = { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '5s' } as const;

/** Questions and writes: the worker heartbeats for them (activities/pulse.ts), so that a killed one is missed after ten seconds. */
export const shortWork = {
  taskQueue: CONTROL_QUEUE,
  startToCloseTimeout: '30s',
  heartbeatTimeout: '10s',
  retry,
} as const;

/** Answer a question; a lost one is asked again. */
export const reads = proxyActivities<RolloutActivities & MetaActivities & WatchActivities & TrainingActivities>(
  shortWork,
);

/** Change the world once per key: a repeated one changes nothing. They retry without limit, with a page by alarm. */
export const idempotentWrites = proxyActivities<
  RolloutActivities & ClaimActivities & MetaActivities & WatchActivities & TrainingActivities
>(shortWork);

/** Wait for edges: long, heartbeating, harmless to repeat. */
export const acknowledgements = proxyActivities<RolloutActivities>({
  taskQueue: CONTROL_QUEUE,
  startToCloseTimeout: '5m',
  heartbeatTimeout: '10s',
  retry,
});

/** Runs as long as a stage serves; a dead worker is noticed after the heartbeat timeout. */
export const guards = proxyActivities<GuardActivities>({
  taskQueue: CONTROL_QUEUE,
  startToCloseTimeout: '30 days',
  heartbeatTimeout: '10s',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: { initialInterval: '1s', backoffCoefficient: 1 },
});

/** Slow work with progress as heartbeats and cancellation that is waited for. */
const slowOn = (taskQueue: string) =>
  proxyActivities<TrainingActivities>({
    taskQueue,
    startToCloseTimeout: '2h',
    heartbeatTimeout: '30s',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry,
  });

/** Windows and gates, and the learning of runs from before agents had queues of their own. */
export const training = slowOn(TRAINING_QUEUE);

/** The learning of each agent on its own queue. */
export const agentTraining = { bid: slowOn(agentQueue('bid')), budget: slowOn(agentQueue('budget')) };

/** Waits in the queue for a lock, as long as another rollout holds it; a dead worker is noticed as with `guards`. */
export const queues = proxyActivities<ClaimActivities>({
  taskQueue: CONTROL_QUEUE,
  startToCloseTimeout: '60 days',
  heartbeatTimeout: '10s',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: { initialInterval: '1s', backoffCoefficient: 1 },
});

/** Calls a human. Bounded: a channel that hangs for an hour must not keep a finished rollout open. */
export const pages = proxyActivities<PageActivities>({
  taskQueue: CONTROL_QUEUE,
  startToCloseTimeout: '15s',
  scheduleToCloseTimeout: '1h',
  retry,
});
