import { type DynamicModule, Module } from '@nestjs/common';
import { AppModule } from '../app.module';
import type { ControlPlaneConfig } from '../config';
import { EdgesModule } from '../edges/edges.module';
import { ExperimentsModule } from '../experiments/experiments.module';
import { LakeModule } from '../lake/lake.module';
import { LedgerModule } from '../ledger/ledger.module';
import { PagesModule } from '../pages/pages.module';
import { MetaModule } from '../meta/meta.module';
import { RegistryModule } from '../registry/registry.module';
import { RolloutsModule } from '../rollouts/rollouts.module';
import { TrainingModule } from '../training/training.module';
import { ExperimentPortsService } from './experiment-ports.service';
import { MetaPortsService } from './meta-ports.service';
import { OrphanRounds } from './orphan-rounds.service';
import { RolloutPortsService } from './rollout-ports.service';
import { ServedPolicies } from './served-policies.service';
import { TemporalModule } from './temporal.module';
import { TrainingPortsService } from './training-ports.service';
import { WatchPortsService } from './watch-ports.service';
import { WorkerActivities } from './worker-activities.service';

/** Root of the Temporal worker: every station's services, and the ports that join them to the activities. */
@Module({})
export class WorkerModule {
  static of(config: ControlPlaneConfig): DynamicModule {
    return {
      module: WorkerModule,
      imports: [
        AppModule.of(config, 'worker'),
        EdgesModule,
        LakeModule,
        LedgerModule,
        PagesModule,
        MetaModule,
        RegistryModule,
        RolloutsModule,
        ExperimentsModule,
        TrainingModule,
        TemporalModule,
      ],
      providers: [
        WorkerActivities,
        RolloutPortsService,
        TrainingPortsService,
        ServedPolicies,
        MetaPortsService,
        WatchPortsService,
        ExperimentPortsService,
        OrphanRounds,
      ],
    };
  }
}
