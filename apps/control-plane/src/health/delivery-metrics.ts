import { Gauge, Histogram, type Registry } from 'prom-client';
import type { Count, DeliveryCounts } from './delivery-counts';

/** Bounds around the promise of five seconds from a verdict to safe edges. */
const SAFE_BUCKETS_SECONDS = [0.25, 0.5, 1, 2, 5, 10, 30, 60, 300];

/** Registers the figures of delivery; each is read from the database when somebody asks for the metrics. */
export function registerDeliveryMetrics(registry: Registry, counts: DeliveryCounts): void {
  counted(registry, 'adloop_rollouts_open', 'Rollouts that have not ended, by state', 'state', () =>
    counts.openRollouts(),
  );
  counted(registry, 'adloop_experiments_open', 'Experiments that have not ended, by state', 'state', () =>
    counts.openExperiments(),
  );
  counted(registry, 'adloop_looks', 'Looks of rollouts in the evidence, by verdict', 'verdict', () => counts.looks());
  const safe = new Histogram({
    name: 'adloop_time_to_safe_seconds',
    help: 'From the verdict to the acknowledgement of the edges, of everything that was taken back',
    labelNames: ['what'],
    buckets: SAFE_BUCKETS_SECONDS,
    registers: [registry],
    collect: async () => {
      const times = await counts.timesToSafe();
      safe.reset();
      for (const { what, seconds } of times) safe.observe({ what }, seconds);
    },
  });
  const oldest = new Gauge({
    name: 'adloop_oldest_unacknowledged_snapshot_seconds',
    help: 'Age of the oldest snapshot that some live edge does not serve yet; 0 = all serve the newest',
    registers: [registry],
    collect: async () => {
      oldest.set(await counts.oldestUnacknowledgedSeconds());
    },
  });
}

function counted(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  read: () => Promise<readonly Count[]>,
): void {
  const gauge = new Gauge({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect: async () => {
      const rows = await read();
      gauge.reset();
      for (const row of rows) gauge.set({ [label]: row.label }, row.n);
    },
  });
}
