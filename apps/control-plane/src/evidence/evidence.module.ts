import { Module } from '@nestjs/common';
import { RegistryModule } from '../registry/registry.module';
import { RolloutsModule } from '../rollouts/rollouts.module';
import { ForecastJob } from './forecast-job';
import { ForecastScores } from './forecast-scores.service';
import { ForecastsController } from './forecasts.controller';
import { PastRolloutsRepository } from './past-rollouts.repository';
import { ReportController } from './report/report.controller';
import { ReportRepository } from './report/report.repository';
import { ReportService } from './report/report.service';
import { RejudgeController } from './rejudge.controller';
import { RejudgeService } from './rejudge.service';

/** What is kept of rollouts for ever, and the questions asked of it. Only the API has it: no workflow needs it. */
@Module({
  imports: [RolloutsModule, RegistryModule],
  controllers: [RejudgeController, ForecastsController, ReportController],
  providers: [PastRolloutsRepository, RejudgeService, ForecastScores, ForecastJob, ReportRepository, ReportService],
})
export class EvidenceModule {}
