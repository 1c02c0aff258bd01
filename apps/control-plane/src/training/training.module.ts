import { Module } from '@nestjs/common';
import { TemporalModule } from '../temporal/temporal.module';
import { TrainingRunRepository } from './training-run.repository';
import { TrainingService } from './training.service';

/** Training runs: started here, carried out by `retrainAgents`. */
@Module({
  imports: [TemporalModule],
  providers: [TrainingService, TrainingRunRepository],
  exports: [TrainingService, TrainingRunRepository],
})
export class TrainingModule {}
