/** Proxies of the experiment's own activities, with the meanings of `../proxies`. */
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { ExperimentActivities } from '../../activities/experiment-activities';
import { shortWork } from '../proxies';
import { CONTROL_QUEUE } from '../workflow-ids';

/** Answer a question; a lost one is asked again. */
export const experimentReads = proxyActivities<ExperimentActivities>(shortWork);

/** Change the world once per key: a repeated one changes nothing. */
export const experimentWrites = proxyActivities<ExperimentActivities>(shortWork);

/** Runs as long as a period serves; a dead worker is noticed after the heartbeat timeout. */
export const experimentGuards = proxyActivities<ExperimentActivities>({
  taskQueue: CONTROL_QUEUE,
  startToCloseTimeout: '90 days',
  heartbeatTimeout: '10s',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: { initialInterval: '1s', backoffCoefficient: 1 },
});
