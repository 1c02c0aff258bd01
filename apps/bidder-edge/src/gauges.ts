import type { EdgeFacts } from './edge-facts';
import { Gauge } from './metrics';

/** Values that are read when /metrics is asked. */
export function buildGauges(facts: EdgeFacts): Gauge[] {
  const { holder, lease, segments, state } = facts;
  return [
    new Gauge(
      'adloop_edge_snapshot_version',
      'Version of the snapshot being served, 0 without one.',
      () => holder.live?.snapshot.version ?? 0,
    ),
    new Gauge(
      'adloop_edge_weights_version',
      'Version of the reward weights in force, 0 at the start.',
      () => holder.live?.snapshot.weights?.version ?? 0,
    ),
    new Gauge(
      'adloop_edge_canary_share_bps',
      'Share of users that the canary really serves.',
      () => facts.canary()?.shareBps ?? 0,
    ),
    new Gauge('adloop_edge_canary_lapses', 'Canaries stopped because their lease ran out.', () => lease.lapses),
    new Gauge('adloop_edge_outbox_bytes', 'Outbox bytes on disk that nobody has collected.', () => segments.bytes),
    new Gauge('adloop_edge_outbox_segments', 'Sealed segments waiting to be shipped.', () => segments.waiting),
    new Gauge('adloop_edge_open_reservations', 'Bids waiting for a notice.', () => state.reservations.size),
    new Gauge('adloop_edge_frequency_counters', 'Frequency counters in memory.', () => state.caps.size),
    new Gauge(
      'adloop_edge_frequency_overflows',
      'Users refused for lack of counters (fail closed).',
      () => state.caps.overflows,
    ),
    ...facts.histories.gauges(),
    new Gauge('adloop_edge_control_plane_reachable', '1 when the control plane was heard of lately.', () =>
      Number(facts.reachable()),
    ),
    new Gauge('adloop_edge_kill_level', 'Kill level in force.', () => [
      { labels: { level: facts.kill().level }, value: 1 },
    ]),
    new Gauge('adloop_edge_quarantined', 'Agents that run their baselines here.', () =>
      facts.quarantined().map((agent) => ({ labels: { agent }, value: 1 })),
    ),
    new Gauge('adloop_edge_notice_key', 'Live keys of notice tokens, and what each does.', () =>
      facts.signer.keyIds.map((key, at) => ({ labels: { key, role: at === 0 ? 'signs' : 'verifies' }, value: 1 })),
    ),
    new Gauge('adloop_edge_pacing_multiplier', "Budget agent's multiplier.", () =>
      state.ledger.plans().map(({ campaignId, arm }) => ({
        labels: { campaign: campaignId, arm },
        value: state.pacing.read(campaignId, arm).multiplier,
      })),
    ),
    new Gauge('adloop_edge_budget_nanos', 'Granted budget of this edge by what became of it.', () => {
      const sums = { reserved: 0, spent: 0, free: 0, returned: 0, late: 0, unbooked: state.ledger.late.sumNanos() };
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
