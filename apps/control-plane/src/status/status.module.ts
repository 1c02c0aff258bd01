import { Module } from '@nestjs/common';
import { EdgesModule } from '../edges/edges.module';
import { LakeModule } from '../lake/lake.module';
import { PageController } from '../page/page.controller';
import { RegistryModule } from '../registry/registry.module';
import { RolloutsModule } from '../rollouts/rollouts.module';
import { TrainingModule } from '../training/training.module';
import { DeliveryStatus } from './delivery-status';
import { LoopSteps } from './loop-steps';
import { StatusController } from './status.controller';
import { StatusService } from './status.service';

/** The loop's state as JSON and as the page at `/`. */
@Module({
  imports: [EdgesModule, LakeModule, RegistryModule, RolloutsModule, TrainingModule],
  controllers: [StatusController, PageController],
  providers: [DeliveryStatus, LoopSteps, StatusService],
})
export class StatusModule {}
