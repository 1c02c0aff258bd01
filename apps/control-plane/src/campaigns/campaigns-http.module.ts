import { Module } from '@nestjs/common';
import { AdvertisersController } from '../advertisers/advertisers.controller';
import { CreativesController } from '../creatives/creatives.controller';
import { BudgetLedgerModule } from '../edges/budget-ledger.module';
import { EdgesModule } from '../edges/edges.module';
import { CampaignsController } from './campaigns.controller';
import { CampaignsModule } from './campaigns.module';

/** API of advertisers, campaigns and creatives; each change publishes a snapshot. */
@Module({
  imports: [CampaignsModule, BudgetLedgerModule, EdgesModule],
  controllers: [AdvertisersController, CampaignsController, CreativesController],
})
export class CampaignsHttpModule {}
