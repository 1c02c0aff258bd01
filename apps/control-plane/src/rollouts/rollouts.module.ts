import { Module } from '@nestjs/common';
import { ApprovalRepository } from '../approvals/approval.repository';
import { LakeModule } from '../lake/lake.module';
import { RegistryModule } from '../registry/registry.module';
import { TemporalModule } from '../temporal/temporal.module';
import { GuardReader } from './guard-reader.service';
import { LookRepository } from './look.repository';
import { LookTakerService } from './look-taker.service';
import { PlanFacts } from './plan-facts';
import { ReleaseService } from './release.service';
import { RollbackService } from './rollback.service';
import { RolloutLint } from './rollout-lint.service';
import { RolloutRepository } from './rollout.repository';
import { ShadowSummaryService } from './shadow-summary.service';

const SERVICES = [
  RolloutRepository,
  LookRepository,
  LookTakerService,
  ShadowSummaryService,
  GuardReader,
  PlanFacts,
  RolloutLint,
  ReleaseService,
  RollbackService,
  ApprovalRepository,
];

/** Rollouts, their looks, approvals and roll-backs. The API over them is `RolloutsHttpModule`. */
@Module({ imports: [LakeModule, RegistryModule, TemporalModule], providers: SERVICES, exports: SERVICES })
export class RolloutsModule {}
