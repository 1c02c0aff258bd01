import { Module } from '@nestjs/common';
import { IncidentsModule } from '../incidents/incidents.module';
import { CreativeStats } from './creative-stats';
import { DecisionReader } from './decision-reader.service';
import { DuckLake } from './duck-lake';
import { DriftReader } from './drift-reader.service';
import { KpiRepository } from './kpi.repository';
import { KpiWindows } from './kpi-windows.repository';
import { LakeStatusService } from './lake-status.service';
import { LoggedBids } from './logged-bids.service';
import { ParquetSealer } from './parquet-sealer.service';
import { ReconciliationService } from './reconciliation.service';
import { SegmentFileStore } from './segment-file-store';
import { VerdictSums } from './verdict-sums.repository';
import { WindowService } from './window.service';

const SERVICES = [
  CreativeStats,
  DecisionReader,
  DriftReader,
  DuckLake,
  KpiRepository,
  KpiWindows,
  LakeStatusService,
  LoggedBids,
  ParquetSealer,
  ReconciliationService,
  SegmentFileStore,
  VerdictSums,
  WindowService,
];

/** The lake's services, for both roots. Its HTTP side is `LakeHttpModule`. */
@Module({ imports: [IncidentsModule], providers: SERVICES, exports: SERVICES })
export class LakeModule {}
