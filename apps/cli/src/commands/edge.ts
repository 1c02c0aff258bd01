import type { Command } from 'commander';
import { campaignWhySchema, edgeStatusSchema, type CampaignWhy, type EdgeStatus } from '#domain/contracts/edge-status';
import { EdgeClient } from '../edge-client';
import { printObject, printRows, type OutputFormat } from '../output';
import { contextOf } from './command-context';

interface Where {
  url?: string;
  edge?: string;
}

/** `adloop edge status|why`: what an edge says of itself, past the control plane. */
export function addEdgeCommands(program: Command): void {
  const edge = program.command('edge').description("ask an edge's admin port; needs no control plane");
  const verb = (name: string, description: string) =>
    edge
      .command(name)
      .description(description)
      .option('--url <url>', 'admin port, e.g. http://127.0.0.1:7090')
      .option('--edge <id>', "edge of this home's stack", undefined);
  verb('status', 'what it really serves, what it refuses, how fast it is').action(
    async (options: Where, command: Command) => {
      const { config, format } = contextOf(command);
      printStatus(await EdgeClient.find(config, options).get('/status', edgeStatusSchema), format);
    },
  );
  verb('why <campaign>', 'why a campaign is not bidding there').action(
    async (campaignId: string, options: Where, command: Command) => {
      const { config, format } = contextOf(command);
      const path = `/campaigns/${encodeURIComponent(campaignId)}/why`;
      printWhy(await EdgeClient.find(config, options).get(path, campaignWhySchema), format);
    },
  );
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const milliseconds = (micros: number): string => `${(micros / 1000).toFixed(2)} ms`;

function printStatus(status: EdgeStatus, format: OutputFormat): void {
  if (format !== 'table') return printObject(status, format);
  const { serving, traffic, outbox, loopLag } = status;
  printObject(
    {
      edge: `${status.edgeId}, fleet ${status.fleet}`,
      state: status.notReady ?? 'ready',
      snapshot: serving.version === null ? 'none' : `${serving.version} (${serving.snapshotId ?? ''})`,
      'kill level': status.kill.level,
      quarantined: status.kill.quarantinedAgents,
      'control plane':
        status.controlPlane === null ? 'none: alone' : status.controlPlane.reachable ? 'reachable' : 'silent',
      'requests, bids': `${traffic.requests}, ${traffic.bids} (${traffic.requestsPerSecond.toFixed(1)} requests/s)`,
      outbox: `${outbox.isOpen ? 'open' : 'CLOSED'}, ${outbox.bytes} bytes, ${outbox.segmentsWaiting} segments waiting`,
      'event loop lag':
        loopLag === null ? '-' : `p99 ${loopLag.p99Ms.toFixed(1)} ms, worst ${loopLag.maxMs.toFixed(1)} ms`,
      leases: `${status.budget.grants.length} open, ${status.budget.openReservations} bids wait for a notice`,
      arms: serving.arms.map(({ arm, shareBps, rolloutId, policies, breaker }) => ({
        arm,
        users: percent(shareBps / 10_000),
        rollout: rolloutId,
        breaker: breaker === null ? '-' : breaker.isOpen ? 'OPEN' : 'closed',
        policies: policies.map(({ modelVersionId }) => modelVersionId),
      })),
      'no bids': traffic.noBids,
      'late or invalid': status.exchanges.map(({ exchange, answers, late, invalid, share, isAlarm }) => {
        return { exchange, answers, late, invalid, share: percent(share), alarm: isAlarm ? 'ALARM' : '-' };
      }),
      latency: status.latency.map(({ stage, count, p50, p99, p999 }) => {
        return { stage, count, p50: milliseconds(p50), p99: milliseconds(p99), 'p99.9': milliseconds(p999) };
      }),
      'snapshots refused': status.refusals.map(({ atMs, version, code, detail }) => {
        return { at: new Date(atMs).toISOString(), version, code, detail };
      }),
    },
    format,
  );
}

function printWhy(why: CampaignWhy, format: OutputFormat): void {
  if (format !== 'table') return printObject(why, format);
  console.log(`${why.campaignId} "${why.name ?? '?'}" at ${why.edgeId}: ${why.verdict}\n`);
  for (const { means, toDo } of why.blocks) console.log(`! ${means} ${toDo}`);
  const { looked, bids, outranked } = why;
  console.log(
    `last minutes (since the start): looked at ${looked.recent} (${looked.total}), bids ${bids.recent} (${bids.total}), ` +
      `ranked higher by others ${outranked.recent} (${outranked.total})\n`,
  );
  const rows = why.reasons.map(({ reason, stage, recent, total, share, means, toDo }) => {
    return { reason, stage, recent, total, share: percent(share), means, 'what to do': toDo };
  });
  printRows(rows, ['reason', 'stage', 'recent', 'total', 'share', 'means', 'what to do'], 'table');
}
