import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { EdgeFleet } from '../edges/edge-fleet.service';
import { PageCounts } from '../pages/page-counts';
import { DeliveryCounts } from './delivery-counts';
import { registerDeliveryMetrics } from './delivery-metrics';

/** Metrics of this process, in Prometheus' text format. */
@Injectable()
export class ControlPlaneMetrics {
  readonly registry = new Registry();
  private readonly requests: Histogram<'method' | 'route' | 'status'>;

  constructor(fleet: EdgeFleet, pages: PageCounts, delivery: DeliveryCounts) {
    collectDefaultMetrics({ register: this.registry });
    this.requests = new Histogram({
      name: 'adloop_http_request_seconds',
      help: 'Time to answer, by route pattern',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 30],
      registers: [this.registry],
    });
    const edges = new Gauge({
      name: 'adloop_edge_snapshot_version',
      help: 'Snapshot version that an edge says it serves',
      labelNames: ['edge'],
      registers: [this.registry],
      collect: async () => {
        edges.reset();
        for (const edge of await fleet.edges()) {
          if (edge.live) edges.set({ edge: edge.edgeId }, edge.snapshotVersion ?? 0);
        }
      },
    });
    const raised = new Gauge({
      name: 'adloop_pages',
      help: 'Pages in the ledger, by kind: what called a human, of all processes',
      labelNames: ['kind'],
      registers: [this.registry],
      collect: async () => {
        raised.reset();
        for (const { kind, n } of await pages.byKind()) raised.set({ kind }, n);
      },
    });
    registerDeliveryMetrics(this.registry, delivery);
  }

  /** Counts one answered request; `route` is a pattern, never a path, so that the label set stays small. */
  observe(method: string, route: string, status: number, seconds: number): void {
    this.requests.observe({ method, route, status }, seconds);
  }
}
