import { Module } from '@nestjs/common';
import { CampaignsModule } from '../campaigns/campaigns.module';
import { EdgesModule } from '../edges/edges.module';
import { LakeModule } from '../lake/lake.module';
import { LedgerModule } from '../ledger/ledger.module';
import { RegistryModule } from '../registry/registry.module';
import { FleetOutcomes } from './fleet-outcomes';
import { FleetWatchService } from './fleet-watch.service';
import { WeightService } from './weight.service';

const SERVICES = [FleetOutcomes, FleetWatchService, WeightService];

/** What the meta-agent reads and writes. The API over it is `MetaHttpModule`. */
@Module({
  imports: [CampaignsModule, EdgesModule, LakeModule, LedgerModule, RegistryModule],
  providers: SERVICES,
  exports: SERVICES,
})
export class MetaModule {}
