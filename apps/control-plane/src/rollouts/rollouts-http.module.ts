import { Module } from '@nestjs/common';
import { ApprovalsController } from '../approvals/approvals.controller';
import { ReleaseHoldsController } from '../release-holds/release-holds.controller';
import { ReleaseHoldsModule } from '../release-holds/release-holds.module';
import { RollbacksController } from './rollbacks.controller';
import { RolloutsController } from './rollouts.controller';
import { RolloutsModule } from './rollouts.module';

/** API of releases, approvals, roll-backs and what holds releases. */
@Module({
  imports: [RolloutsModule, ReleaseHoldsModule],
  controllers: [RolloutsController, ApprovalsController, RollbacksController, ReleaseHoldsController],
})
export class RolloutsHttpModule {}
