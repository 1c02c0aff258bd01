import { Module } from '@nestjs/common';
import { ApprovalsController } from '../approvals/approvals.controller';
import { RollbacksController } from './rollbacks.controller';
import { RolloutsController } from './rollouts.controller';
import { RolloutsModule } from './rollouts.module';

/** API of releases, approvals and roll-backs. */
@Module({ imports: [RolloutsModule], controllers: [RolloutsController, ApprovalsController, RollbacksController] })
export class RolloutsHttpModule {}
