import { Module } from '@nestjs/common';
import { SnapshotStoreModule } from '../edges/snapshot-store.module';
import { RegistryModule } from '../registry/registry.module';
import { DecisionsController } from './decisions.controller';
import { FeatureCheckController } from './feature-check.controller';
import { FeatureCheckService } from './feature-check.service';
import { LakeJobs } from './lake-jobs';
import { LakeRetention } from './lake-retention';
import { LakeModule } from './lake.module';
import { ModelExpectation } from './model-expectation';
import { RolloutSegments } from './rollout-segments';
import { OctetStreamParser } from './octet-stream-parser';
import { ParquetCompactor } from './parquet-compactor.service';
import { ReconciliationController } from './reconciliation.controller';
import { ReplayService } from './replay.service';
import { SegmentIngestService } from './segment-ingest.service';
import { SegmentsController } from './segments.controller';

/** Ingest, decisions API and background jobs of the lake: the HTTP root only. */
@Module({
  imports: [LakeModule, SnapshotStoreModule, RegistryModule],
  controllers: [SegmentsController, DecisionsController, ReconciliationController, FeatureCheckController],
  providers: [
    SegmentIngestService,
    ModelExpectation,
    RolloutSegments,
    OctetStreamParser,
    LakeJobs,
    LakeRetention,
    ParquetCompactor,
    ReplayService,
    FeatureCheckService,
  ],
})
export class LakeHttpModule {}
