/** What an edge says about itself at one moment, from its /metrics. Money in nanos of the fleet currency. */
export interface EdgeReading {
  atMs: number;
  requests: number;
  bids: number;
  spendNanos: number;
  lateBills: number;
  canaryShareBps: number;
  canaryLapses: number;
  outboxSegments: number;
  controlPlaneReachable: boolean;
  snapshotVersion: number;
  budget: { reserved: number; spent: number; free: number; returned: number; late: number };
}

/** Sum of a metric over the lines whose labels hold `labels`; 0 when there is none. */
function total(text: string, name: string, labels = ''): number {
  let sum = 0;
  for (const line of text.split('\n')) {
    if (!line.startsWith(name)) continue;
    const rest = line.slice(name.length);
    if (!/^[{ ]/.test(rest) || !rest.includes(labels)) continue;
    sum += Number(rest.slice(rest.lastIndexOf(' ') + 1));
  }
  return sum;
}

/** Reads an edge's /metrics. @throws Error when the edge does not answer */
export async function readEdge(url: string): Promise<EdgeReading> {
  const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`${url}/metrics answers ${response.status}`);
  const text = await response.text();
  const budget = (part: string) => total(text, 'adloop_edge_budget_nanos', `part="${part}"`);
  return {
    atMs: Date.now(),
    requests: total(text, 'adloop_edge_requests_total'),
    bids: total(text, 'adloop_edge_bids_total'),
    spendNanos: total(text, 'adloop_edge_spend_nanos_total'),
    lateBills: total(text, 'adloop_edge_late_bills_total'),
    canaryShareBps: total(text, 'adloop_edge_canary_share_bps'),
    canaryLapses: total(text, 'adloop_edge_canary_lapses'),
    outboxSegments: total(text, 'adloop_edge_outbox_segments'),
    controlPlaneReachable: total(text, 'adloop_edge_control_plane_reachable') === 1,
    snapshotVersion: total(text, 'adloop_edge_snapshot_version'),
    budget: {
      reserved: budget('reserved'),
      spent: budget('spent'),
      free: budget('free'),
      returned: budget('returned'),
      late: budget('late'),
    },
  };
}

/** Traffic between two readings. */
export interface EdgeTraffic {
  seconds: number;
  requests: number;
  requestsPerSecond: number;
  bidRate: number;
  spendNanos: number;
}

/** What happened between two readings of the same edge. */
export function trafficBetween(from: EdgeReading, to: EdgeReading): EdgeTraffic {
  const seconds = (to.atMs - from.atMs) / 1000;
  const requests = to.requests - from.requests;
  return {
    seconds,
    requests,
    requestsPerSecond: requests / seconds,
    bidRate: requests === 0 ? 0 : (to.bids - from.bids) / requests,
    spendNanos: to.spendNanos - from.spendNanos,
  };
}
