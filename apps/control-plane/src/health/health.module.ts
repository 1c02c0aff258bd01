import { Module } from '@nestjs/common';
import { EdgesModule } from '../edges/edges.module';
import { PagesModule } from '../pages/pages.module';
import { ControlPlaneMetrics } from './control-plane-metrics';
import { DeliveryCounts } from './delivery-counts';
import { HealthController } from './health.controller';

/** Liveness, readiness, metrics. */
@Module({
  imports: [EdgesModule, PagesModule],
  controllers: [HealthController],
  providers: [ControlPlaneMetrics, DeliveryCounts],
  exports: [ControlPlaneMetrics],
})
export class HealthModule {}
