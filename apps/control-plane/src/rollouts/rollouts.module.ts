import { Module } from '@nestjs/common';
import { ApprovalRepository } from '../approvals/approval.repository';
import { EdgesModule } from '../edges/edges.module';
import { LakeModule } from '../lake/lake.module';
import { PagesModule } from '../pages/pages.module';
import { RegistryModule } from '../registry/registry.module';
import { ReleaseHoldsModule } from '../release-holds/release-holds.module';
import { TemporalModule } from '../temporal/temporal.module';
import { ClaimService } from './claim.service';
import { GuardReader } from './guard-reader.service';
import { LookRepository } from './look.repository';
import { LookTakerService } from './look-taker.service';
import { OrphanReaper } from './orphan-reaper.service';
import { PlanFacts } from './plan-facts';
import { PlannedSpendReader } from './planned-spend.service';
import { PrePeriod } from './pre-period.service';
import { ReleaseService } from './release.service';
import { RollbackService } from './rollback.service';
import { RolloutLint } from './rollout-lint.service';
import { RolloutLock } from './rollout-lock.repository';
import { RolloutRepository } from './rollout.repository';
import { ShadowSummaryService } from './shadow-summary.service';
import { TargetCheck } from './target-check.service';

const SERVICES = [
  RolloutRepository,
  RolloutLock,
  ClaimService,
  TargetCheck,
  OrphanReaper,
  LookRepository,
  LookTakerService,
  ShadowSummaryService,
  GuardReader,
  PlanFacts,
  PlannedSpendReader,
  PrePeriod,
  RolloutLint,
  ReleaseService,
  RollbackService,
  ApprovalRepository,
];

/** Rollouts, their looks, approvals and roll-backs. The API over them is `RolloutsHttpModule`. */
@Module({
  imports: [EdgesModule, LakeModule, PagesModule, RegistryModule, ReleaseHoldsModule, TemporalModule],
  providers: SERVICES,
  exports: SERVICES,
})
export class RolloutsModule {}
