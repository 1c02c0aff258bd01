import { Module } from '@nestjs/common';
import { EdgesModule } from '../edges/edges.module';
import { LakeModule } from '../lake/lake.module';
import { LedgerModule } from '../ledger/ledger.module';
import { PagesModule } from '../pages/pages.module';
import { RegistryModule } from '../registry/registry.module';
import { ReleaseHoldsModule } from '../release-holds/release-holds.module';
import { RolloutsModule } from '../rollouts/rollouts.module';
import { TemporalModule } from '../temporal/temporal.module';
import { ExperimentGuardReader } from './experiment-guard-reader.service';
import { ExperimentLint } from './experiment-lint.service';
import { ExperimentLookRepository } from './experiment-look.repository';
import { ExperimentLookTaker } from './experiment-look-taker.service';
import { ExperimentReaper } from './experiment-reaper.service';
import { ExperimentTrafficMeter } from './experiment-traffic.service';
import { ExperimentRepository } from './experiment.repository';
import { ExperimentService } from './experiment.service';

const SERVICES = [
  ExperimentRepository,
  ExperimentLookRepository,
  ExperimentLookTaker,
  ExperimentTrafficMeter,
  ExperimentLint,
  ExperimentGuardReader,
  ExperimentReaper,
  ExperimentService,
];

/** Experiments and their looks, on the rollouts' sums and guards. The API over them is `ExperimentsHttpModule`. */
@Module({
  imports: [
    EdgesModule,
    LakeModule,
    LedgerModule,
    PagesModule,
    RegistryModule,
    ReleaseHoldsModule,
    RolloutsModule,
    TemporalModule,
  ],
  providers: SERVICES,
  exports: SERVICES,
})
export class ExperimentsModule {}
