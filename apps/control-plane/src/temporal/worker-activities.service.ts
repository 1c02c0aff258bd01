import { Injectable } from '@nestjs/common';
import { createClaimActivities } from '../../../../activities/claim-activities';
import { createExperimentActivities } from '../../../../activities/experiment-activities';
import { createGuardActivities } from '../../../../activities/guard-activities';
import { createMetaActivities } from '../../../../activities/meta-activities';
import { createPageActivities } from '../../../../activities/page-activities';
import { createRolloutActivities } from '../../../../activities/rollout-activities';
import { createTrainingActivities } from '../../../../activities/training-activities';
import { createWatchActivities } from '../../../../activities/watch-activities';
import { ExperimentPortsService } from './experiment-ports.service';
import { MetaPortsService } from './meta-ports.service';
import { RolloutPortsService } from './rollout-ports.service';
import { TrainingPortsService } from './training-ports.service';
import { WatchPortsService } from './watch-ports.service';

/** Joins ports and activities: the only place where the control plane's services meet the workflows' wishes. */
@Injectable()
export class WorkerActivities {
  constructor(
    private readonly rollouts: RolloutPortsService,
    private readonly learning: TrainingPortsService,
    private readonly meta: MetaPortsService,
    private readonly watch: WatchPortsService,
    private readonly experiments: ExperimentPortsService,
  ) {}

  /** Activities of the queue `control`. Training's writes are here too: they must not wait behind a training. */
  control(): object {
    const { registerCandidate, saveTrainingRun } = createTrainingActivities(this.learning.ports());
    return {
      ...createRolloutActivities(this.rollouts.ports()),
      ...createGuardActivities(this.rollouts.guardPorts()),
      ...createClaimActivities(this.rollouts.claimPorts()),
      ...createPageActivities(this.rollouts.pagePorts()),
      ...createMetaActivities(this.meta.ports()),
      ...createWatchActivities(this.watch.ports()),
      ...createExperimentActivities(this.experiments.ports()),
      registerCandidate,
      saveTrainingRun,
    };
  }

  /** Activities of the queue `training`, and of every agent's own queue: an agent's learning is chosen by its workflow. */
  training(): object {
    return createTrainingActivities(this.learning.ports());
  }
}
