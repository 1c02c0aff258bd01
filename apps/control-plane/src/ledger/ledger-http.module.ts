import { Module } from '@nestjs/common';
import { DatabaseAccessModule } from '../database/database-access.module';
import { SnapshotSignerModule } from '../edges/snapshot-signer.module';
import { ChainsController } from './chains.controller';
import { HeadSigner } from './head-signer.service';
import { IntentsController } from './intents.controller';
import { LedgerJobs } from './ledger-jobs';
import { LedgerModule } from './ledger.module';

/** API of the ledger and its daily signature: the HTTP root only. */
@Module({
  imports: [LedgerModule, SnapshotSignerModule, DatabaseAccessModule],
  controllers: [IntentsController, ChainsController],
  providers: [HeadSigner, LedgerJobs],
})
export class LedgerHttpModule {}
