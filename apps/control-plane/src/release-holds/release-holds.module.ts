import { Module } from '@nestjs/common';
import { LedgerModule } from '../ledger/ledger.module';
import { ReleaseHolds } from './release-holds.repository';

/** Freeze calendar and stop-the-line. The API over them is part of `RolloutsHttpModule`. */
@Module({ imports: [LedgerModule], providers: [ReleaseHolds], exports: [ReleaseHolds] })
export class ReleaseHoldsModule {}
