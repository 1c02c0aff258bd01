import { Module } from '@nestjs/common';
import { EdgesModule } from '../edges/edges.module';
import { PagesModule } from '../pages/pages.module';
import { ControlPlaneMetrics } from './control-plane-metrics';
import { HealthController } from './health.controller';

/** Liveness, readiness, metrics. */
@Module({
  imports: [EdgesModule, PagesModule],
  controllers: [HealthController],
  providers: [ControlPlaneMetrics],
  exports: [ControlPlaneMetrics],
})
export class HealthModule {}
