import { Module } from '@nestjs/common';
import { CampaignsModule } from '../campaigns/campaigns.module';
import { EdgesModule } from '../edges/edges.module';
import { RegistryModule } from '../registry/registry.module';
import { InventorySeed } from './inventory-seed';
import { ShippedSeed } from './shipped-seed';

/** Fills a fresh database with what the repository ships. */
@Module({
  imports: [CampaignsModule, EdgesModule, RegistryModule],
  providers: [InventorySeed, ShippedSeed],
  exports: [ShippedSeed],
})
export class ShippedModule {}
