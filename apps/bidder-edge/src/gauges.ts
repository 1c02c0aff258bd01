import type { ServedCanary } from './canary';
import { Gauge } from './metrics';
import type { EdgeState } from './state';

export interface GaugePorts {
  version(): number;
  weightsVersion(): number;
  canary(): ServedCanary | null;
  outboxBytes(): number;
  outboxWaiting(): number;
  lapses(): number;
  killLevel(): string;
  quarantined(): string[];
  reachable(): boolean;
  state: EdgeState;
  pacing(): { campaignId: string; arm: 'champion' | 'canary' }[];
}

/** Values that are read when /metrics is asked. */
export function buildGauges(ports: GaugePorts): Gauge[] {
  const { state } = ports;
  return [
    new Gauge('adloop_edge_snapshot_version', 'Version of the snapshot being served, 0 without one.', ports.version),
    new Gauge(
      'adloop_edge_weights_version',
      'Version of the reward weights in force, 0 at the start.',
      ports.weightsVersion,
    ),
    new Gauge(
      'adloop_edge_canary_share_bps',
      'Share of users that the canary really serves.',
      () => ports.canary()?.shareBps ?? 0,
    ),
    new Gauge('adloop_edge_canary_lapses', 'Canaries stopped because their lease ran out.', ports.lapses),
    new Gauge('adloop_edge_outbox_bytes', 'Outbox bytes on disk that nobody has collected.', ports.outboxBytes),
    new Gauge('adloop_edge_outbox_segments', 'Sealed segments waiting to be shipped.', ports.outboxWaiting),
    new Gauge('adloop_edge_open_reservations', 'Bids waiting for a notice.', () => state.reservations.size),
    new Gauge('adloop_edge_frequency_counters', 'Frequency counters in memory.', () => state.caps.size),
    new Gauge(
      'adloop_edge_frequency_overflows',
      'Users refused for lack of counters (fail closed).',
      () => state.caps.overflows,
    ),
    new Gauge('adloop_edge_control_plane_reachable', '1 when the control plane was heard of lately.', () =>
      Number(ports.reachable()),
    ),
    new Gauge('adloop_edge_kill_level', 'Kill level in force.', () => [
      { labels: { level: ports.killLevel() }, value: 1 },
    ]),
    new Gauge('adloop_edge_quarantined', 'Agents that run their baselines here.', () =>
      ports.quarantined().map((agent) => ({ labels: { agent }, value: 1 })),
    ),
    new Gauge('adloop_edge_pacing_multiplier', "Budget agent's multiplier.", () =>
      ports.pacing().map(({ campaignId, arm }) => ({
        labels: { campaign: campaignId, arm },
        value: state.pacing.read(campaignId, arm).multiplier,
      })),
    ),
    new Gauge('adloop_edge_budget_nanos', 'Granted budget of this edge by what became of it.', () => {
      const sums = { reserved: 0, spent: 0, free: 0, returned: 0, late: 0 };
      for (const report of state.ledger.reports()) {
        sums.reserved += report.reservedNanos;
        sums.spent += report.spentNanos;
        sums.free += report.freeNanos;
        sums.returned += report.returnedNanos;
        sums.late += report.lateNanos;
      }
      return Object.entries(sums).map(([part, value]) => ({ labels: { part }, value }));
    }),
  ];
}
