import type { EdgeLoadReport, OpenLoop, Series } from './load/edge-load';
import type { LargeEdgeReport } from './load/large-edge';
import type { ThreadsReport } from './load/thread-load';
import type { Machine } from './machine';
import type { CampaignsReport } from './micro/campaigns';
import type { DecisionReport } from './micro/decision';
import type { LearningReport } from './micro/learning';
import type { SimulatorReport } from './micro/simulator';
import type { Spread } from './statistic';

/** Everything one run of the bench measured. */
export interface BenchReport {
  measuredAt: string;
  seed: number;
  machine: Machine;
  edge: EdgeLoadReport;
  threads: ThreadsReport;
  large: LargeEdgeReport;
  decision: DecisionReport;
  campaigns: CampaignsReport;
  learning: LearningReport;
  simulator: SimulatorReport;
}

const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
const spread = ({ min, median, max }: Spread, show: (value: number) => string): string =>
  `${show(median)} (${show(min)} – ${show(max)})`;
const ratio = (value: Spread): string => spread(value, (n) => n.toFixed(3));
const millis = (value: Spread): string => spread(value, (us) => (us / 1000).toFixed(2));
const micros = (value: number): string => value.toFixed(1);
const statuses = (series: Series): string =>
  Object.entries(series.statuses)
    .map(([status, n]) => `${status}: ${whole(n)}`)
    .join(', ');

/** `bench/results.md`: one table per subject, every figure as median (lowest – highest of the run). */
export function resultsDocument(report: BenchReport): string {
  return [
    '# Figures',
    '',
    'Written by `npm run bench -- --json`; never by hand. Median (lowest – highest) of the rounds of one run. These machines are',
    'shared: hold ratios against each other, not seconds.',
    '',
    ...machineTable(report),
    ...edgeTables(report.edge),
    ...threadsTable(report.threads),
    ...largeTable(report.large),
    ...decisionTable(report.decision),
    ...campaignsTable(report.campaigns),
    ...learningTable(report),
  ].join('\n');
}

function machineTable({ machine, measuredAt, seed }: BenchReport): string[] {
  return [
    '| run | |',
    '|---|---|',
    `| when, commit, seed | ${measuredAt}, ${machine.commit}, ${seed} |`,
    `| machine | ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Node ${machine.node} |`,
    `| load average before, after | ${machine.loadBefore.toFixed(2)}, ${machine.loadAfter.toFixed(2)} |`,
    `| longest hiccup of the machine while the edge was measured | ${machine.longestHiccupMs.toFixed(1)} ms |`,
    '',
  ];
}

function edgeTables(edge: EdgeLoadReport): string[] {
  const { closed, open } = edge;
  const row = (name: string, series: Series) =>
    `| ${name} | ${spread(series.perSecond, whole)} | ${millis(series.p50Us)} | ${millis(series.p99Us)} | ` +
    `${spread(series.generatorBusy, (n) => n.toFixed(2))} | ${statuses(series)} |`;
  return [
    '## Edge against the bare ceiling',
    '',
    `${edge.rounds} interleaved rounds of ${edge.secondsPerRound} s, ${edge.connections} connections, 48 bodies of ${edge.bodyBytes} bytes in turn, ` +
      `100,000 users; server and generator ${edge.pinned ? 'each pinned to a core' : 'not pinned'}.`,
    'Bare: `node:http`, reads the body, `JSON.parse`, fixed answer. Edge: one thread, models, caps, pacing, leases, signed notices and',
    'durable records on. No-bid: every advertiser blocked by `badv`, vetoed before the model.',
    '',
    '| closed loop | requests/s | p50 ms | p99 ms | generator busy | statuses |',
    '|---|---|---|---|---|---|',
    row('bare', closed.bare),
    row('edge, bid', closed.bid),
    row('edge, no-bid', closed.noBid),
    row(`bare, ${whole(edge.richBytes)} bytes`, edge.rich.bare),
    row(`edge, bid, ${whole(edge.richBytes)} bytes`, edge.rich.bid),
    row("edge, bid, Node's HTTP server", edge.nodeServer.bid),
    '',
    'Open loop, latency from the intended send time:',
    '',
    '| | requests/s | p50 ms | p99 ms | p99.9 ms | unsent | statuses |',
    '|---|---|---|---|---|---|---|',
    ...open.flatMap(openRows),
    '',
    '| ratio, edge over bare, round by round | |',
    '|---|---|',
    `| requests/s, bid | ${ratio(closed.bidRatio)} |`,
    `| requests/s, no-bid | ${ratio(closed.noBidRatio)} |`,
    `| requests/s, bid, ${whole(edge.richBytes)} bytes | ${ratio(edge.rich.bidRatio)} |`,
    `| requests/s, bid, behind Node's HTTP server | ${ratio(edge.nodeServer.bidRatio)} |`,
    ...open.flatMap(({ ratePerSecond, p50Ratio, p99Ratio }) => [
      `| p50 at ${whole(ratePerSecond)}/s | ${ratio(p50Ratio)} |`,
      `| p99 at ${whole(ratePerSecond)}/s | ${ratio(p99Ratio)} |`,
    ]),
    '',
  ];
}

function openRows({ ratePerSecond, bare, bid }: OpenLoop): string[] {
  const row = (name: string, { perSecond, p50Us, p99Us, p999Us, unsent, ...series }: Series): string =>
    `| ${name} at ${whole(ratePerSecond)}/s | ${spread(perSecond, whole)} | ${millis(p50Us)} | ${millis(p99Us)} | ` +
    `${millis(p999Us)} | ${unsent} | ${statuses({ perSecond, p50Us, p99Us, p999Us, unsent, ...series })} |`;
  return [row('bare', bare), row('edge, bid', bid)];
}

function threadsTable({ cores, rounds, rows, ratio: over }: ThreadsReport): string[] {
  return [
    '## Threads',
    '',
    `${rounds} interleaved rounds, closed loop, 32 connections, nothing pinned: edge and generator share ${cores} cores. Two threads that bid, and`,
    `one that keeps journal, outbox and notices (decision 033), over one thread for everything: ${ratio(over)} of its requests/s.`,
    '',
    '| threads that bid | requests/s | p99 ms | processor µs a request | resident MiB |',
    '|---|---|---|---|---|',
    ...rows.map(
      ({ threads, perSecond, p99Us, cpuUs, rssMiB }) =>
        `| ${threads} | ${spread(perSecond, whole)} | ${millis(p99Us)} | ${spread(cpuUs, micros)} | ${rssMiB} |`,
    ),
    '',
  ];
}

function largeTable(large: LargeEdgeReport): string[] {
  return [
    '## A large edge',
    '',
    `One edge, ${whole(large.campaigns)} campaigns, ${whole(large.counters)} frequency counters out of its journal: ready ${large.startSeconds.toFixed(1)} s after its start,`,
    `${large.readyMiB} MiB resident then, ${large.loadedMiB} MiB after ten seconds in closed loop at ${whole(large.perSecond)}/s (p99 ${(large.p99Us / 1000).toFixed(2)} ms).`,
    '',
  ];
}

function decisionTable(decision: DecisionReport): string[] {
  return [
    '## One decision',
    '',
    `${whole(decision.decisions)} requests of the same kind one after another in one process, ${whole(decision.bids)} bids: bytes of the body to text of`,
    'response and record, the model included; without HTTP, reservation and disk.',
    '',
    '| | p50 µs | p99 µs | processor µs per decision |',
    '|---|---|---|---|',
    `| decision | ${micros(decision.p50Us)} | ${micros(decision.p99Us)} | ${spread(decision.cpuUs, micros)} |`,
    `| \`JSON.parse\` of the same body | ${micros(decision.parseP50Us)} | ${micros(decision.parseP99Us)} | |`,
    `| packing its record, ${whole(decision.record.bytes)} bytes (${whole(decision.record.compressedBytes)} deflated in a segment) | ${micros(decision.record.packP50Us)} | ${micros(decision.record.packP99Us)} | |`,
    '',
  ];
}

function campaignsTable({ rows, decisionsPerRow }: CampaignsReport): string[] {
  const what = { strangers: 'cannot be for the request', rivals: 'all can' };
  return [
    '## Campaigns',
    '',
    `The same decisions, ${whole(decisionsPerRow)} a row, with more campaigns in the snapshot, taken in turn with those of the demo's ten.`,
    '',
    '| campaigns, the added ones | processor µs per decision | over ten |',
    '|---|---|---|',
    ...rows.map(
      ({ kind, campaigns, cpuUs, ratio: over }) =>
        `| ${whole(campaigns)}, ${what[kind]} | ${spread(cpuUs, micros)} | ${spread(over, (n) => n.toFixed(2))} |`,
    ),
    '',
  ];
}

function learningTable({ learning, simulator }: BenchReport): string[] {
  return [
    '## Learning and market',
    '',
    '| | per second | sample |',
    '|---|---|---|',
    `| win model, rows trained | ${spread(learning.rowsPerSecond, whole)} | ${learning.runs} runs of ${whole(learning.rowsPerRun)} rows from a window of ${whole(learning.windowRows)} bids |`,
    `| market, auctions with baselines | ${spread(simulator.heuristicPerSecond, whole)} | ${simulator.runs} runs of ${whole(simulator.auctions)} |`,
    `| market, auctions with the win model | ${spread(simulator.modelPerSecond, whole)} | ${simulator.runs} runs of ${whole(simulator.auctions)} |`,
    '',
  ];
}
