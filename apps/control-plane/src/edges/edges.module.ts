import { Module } from '@nestjs/common';
import { ActiveIntentsModule } from '../agents/active-intents.module';
import { CampaignsModule } from '../campaigns/campaigns.module';
import { DatabaseModule } from '../database/database.module';
import { LakeModule } from '../lake/lake.module';
import { RegistryModule } from '../registry/registry.module';
import { BudgetLedgerModule } from './budget-ledger.module';
import { CanaryLeases } from './canary-leases.service';
import { CellSettings } from './cell-settings';
import { EdgeFleet } from './edge-fleet.service';
import { EdgeProtocolController } from './edge-protocol.controller';
import { EdgesController } from './edges.controller';
import { HeartbeatService } from './heartbeat.service';
import { SnapshotContentReader } from './snapshot-content-reader';
import { SnapshotPublisher } from './snapshot-publisher.service';
import { SnapshotRefresh } from './snapshot-refresh';
import { SnapshotSignerModule } from './snapshot-signer.module';
import { SnapshotStoreModule } from './snapshot-store.module';

/** Edges: snapshots out, heartbeats in, leases of budget and of canaries' shares. */
@Module({
  imports: [
    DatabaseModule,
    CampaignsModule,
    RegistryModule,
    LakeModule,
    SnapshotStoreModule,
    SnapshotSignerModule,
    ActiveIntentsModule,
    BudgetLedgerModule,
  ],
  controllers: [EdgeProtocolController, EdgesController],
  providers: [
    CanaryLeases,
    CellSettings,
    EdgeFleet,
    HeartbeatService,
    SnapshotContentReader,
    SnapshotPublisher,
    SnapshotRefresh,
  ],
  exports: [
    CanaryLeases,
    CellSettings,
    EdgeFleet,
    SnapshotPublisher,
    SnapshotRefresh,
    SnapshotStoreModule,
    BudgetLedgerModule,
  ],
})
export class EdgesModule {}
