import { Module } from '@nestjs/common';
import { SnapshotSigner } from './snapshot-signer';

/** The control plane's signature; apart from `EdgesModule`, because the ledger's heads carry it too. */
@Module({ providers: [SnapshotSigner], exports: [SnapshotSigner] })
export class SnapshotSignerModule {}
