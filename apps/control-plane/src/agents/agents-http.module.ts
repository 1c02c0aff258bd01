import { Module } from '@nestjs/common';
import { CampaignsModule } from '../campaigns/campaigns.module';
import { EdgesModule } from '../edges/edges.module';
import { LakeModule } from '../lake/lake.module';
import { MessagesModule } from '../messages/messages.module';
import { ActiveIntentsController } from './active-intents.controller';
import { ActiveIntentsModule } from './active-intents.module';
import { AgentJobs } from './agent-jobs';
import { Announcer } from './announcer';
import { BudgetAllocator } from './budget-allocator.service';
import { ConflictLedger } from './conflict-ledger.service';
import { SlowDecisions } from './slow-decisions.service';

/** What the agents decide slowly, and tell each other through the ledger: the HTTP root only. */
@Module({
  imports: [ActiveIntentsModule, CampaignsModule, EdgesModule, LakeModule, MessagesModule],
  controllers: [ActiveIntentsController],
  providers: [Announcer, BudgetAllocator, SlowDecisions, ConflictLedger, AgentJobs],
})
export class AgentsHttpModule {}
