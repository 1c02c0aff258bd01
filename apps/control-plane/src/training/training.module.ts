import { Module } from '@nestjs/common';
import { TemporalModule } from '../temporal/temporal.module';
import { AttemptRepository } from './attempt.repository';
import { ProgressReporter } from './progress-reporter.service';
import { SchedulesService } from './schedules.service';
import { TrainingRunRepository } from './training-run.repository';
import { TrainingService } from './training.service';

const SERVICES = [TrainingService, TrainingRunRepository, AttemptRepository, ProgressReporter, SchedulesService];

/** Training runs: started here, carried out by `retrainAgents`. */
@Module({
  imports: [TemporalModule],
  providers: SERVICES,
  exports: SERVICES,
})
export class TrainingModule {}
