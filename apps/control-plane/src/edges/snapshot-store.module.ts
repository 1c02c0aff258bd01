import { Module } from '@nestjs/common';
import { SnapshotStore } from './snapshot-store';

/** Published snapshots by id; apart from `EdgesModule`, so that lake and registry may read them without a circle. */
@Module({ providers: [SnapshotStore], exports: [SnapshotStore] })
export class SnapshotStoreModule {}
