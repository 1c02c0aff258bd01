import { InvalidArgumentError, type Command } from 'commander';
import { printObject, printRows } from '../output';
import { contextOf } from './command-context';

/** The meta-agent as the API tells it. */
interface Meta {
  paused: boolean;
  bidding: string;
  quarantined: string[];
  reason: string;
  weights?: string;
  drift?: string;
  autonomy?: Record<string, { level: string; overrideBps: number }>;
  proposals?: {
    proposalId: string;
    agent: string;
    act: object;
    waitsFor: string;
    requestedBy: string;
    reason: string;
  }[];
  alerts?: string[];
  [field: string]: unknown;
}

interface KpiWatch {
  scopes: { scope: string; id: string; now: Record<string, number | null>; alerts: { reason: string }[] }[];
  [field: string]: unknown;
}

type Role = 'ml-lead' | 'release-manager' | 'on-call';

/** Commands that need only a reason: verb, who says it by default, what it does. */
const PLAIN: [verb: string, role: Role, description: string][] = [
  ['pause', 'on-call', 'stop its ticks; commands still act'],
  ['resume', 'on-call', 'let it tick again'],
  ['stop-bidding', 'on-call', 'stop bidding in the whole fleet'],
  ['resume-bidding', 'release-manager', 'bid again; not by the person who stopped it'],
];

const numberOf = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('a number');
  return value;
};

/** `adloop meta …`: the agent that watches the others, its weights, autonomy and proposals. */
export function addMetaCommands(program: Command): void {
  const meta = program.command('meta').description('the agent that watches the others');
  meta
    .command('show')
    .description('its state: autonomy, proposals that wait, weights, drift')
    .action(async (_options: unknown, command: Command) => {
      const context = contextOf(command);
      print(await context.api('viewer').call<Meta>('GET', '/meta'), context.format);
    });
  addKpis(meta);
  for (const [verb, role, description] of PLAIN) addVerb(meta, verb, role, description, () => ({}));
  for (const verb of ['kill-agent', 'revive-agent'])
    addVerb(meta, `${verb} <agent>`, 'on-call', 'quarantine an agent, or lift it (somebody else)', (agent) => ({
      agent,
    }));
  addVerb(
    meta,
    'approve <proposalId>',
    'release-manager',
    'let a proposal act; not by who asked for it',
    (proposalId) => ({
      proposalId,
    }),
  );
  addVerb(
    meta,
    'veto <proposalId>',
    'on-call',
    'refuse a proposal; its agent loses one level of autonomy',
    (proposalId) => ({
      proposalId,
    }),
  );
  addVerb(
    meta,
    'set-weight <campaignId> <weight> <value>',
    'ml-lead',
    'set a reward weight inside its range: 10 % a day, 25 % a week at most',
    (campaignId, weight, value) => ({ campaignId, weight, value: numberOf(value ?? '') }),
  );
  addAutonomy(meta);
}

function addVerb(
  meta: Command,
  usage: string,
  role: Role,
  description: string,
  bodyOf: (...args: string[]) => Record<string, unknown>,
): void {
  const [verb = ''] = usage.split(' ');
  const path = { approve: 'approve-proposal', veto: 'veto-proposal' }[verb] ?? verb;
  meta
    .command(usage)
    .description(description)
    .requiredOption('--reason <text>', 'why')
    .action(async (...given: unknown[]) => {
      const command = given.at(-1) as Command;
      const body = { ...bodyOf(...(given.slice(0, -2) as string[])), ...command.opts<{ reason: string }>() };
      const context = contextOf(command);
      print(await context.api(role).call<Meta>('POST', `/meta/${path}`, body), context.format);
    });
}

function addAutonomy(meta: Command): void {
  meta
    .command('set-autonomy <agent>')
    .description('less takes effect at once; more waits for a second person')
    .option('--level <level>', 'L0 suggest, L1 after approval, L2 unless vetoed, L3 alone')
    .option('--override-bps <bps>', 'share of decisions in which the model may override the baseline', numberOf)
    .requiredOption('--reason <text>', 'why')
    .action(
      async (agent: string, options: { level?: string; overrideBps?: number; reason: string }, command: Command) => {
        const context = contextOf(command);
        const answer = await context
          .api('release-manager')
          .call<Meta>('POST', '/meta/set-autonomy', { agent, ...options });
        print(answer, context.format);
      },
    );
}

function addKpis(meta: Command): void {
  meta
    .command('kpis')
    .description('KPIs of fleet, campaigns and segments, with what is wrong')
    .option('--window <seconds>', 'length of the window', '600')
    .action(async (options: { window: string }, command: Command) => {
      const context = contextOf(command);
      const path = `/meta/kpis?windowSeconds=${encodeURIComponent(options.window)}`;
      const watch = await context.api('viewer').call<KpiWatch>('GET', path);
      if (context.format !== 'table') return printObject(watch, context.format);
      const short = (value: number | null | undefined) => (typeof value === 'number' ? value.toPrecision(3) : null);
      const rows = watch.scopes.map(({ scope, id, now, alerts }) => ({
        ...Object.fromEntries(Object.entries(now).map(([kpi, value]) => [kpi, short(value)])),
        ...{ scope, id, alerts: alerts.map((alert) => alert.reason) },
      }));
      const kpis = ['roi', 'cpaNanos', 'winRate', 'ctr', 'spendToPlan', 'repeatExposure', 'fallbackShare'];
      printRows(rows, ['scope', 'id', ...kpis, 'alerts'], context.format);
    });
}

function print(view: Meta, format: ReturnType<typeof contextOf>['format']): void {
  if (format !== 'table') return printObject(view, format);
  const { paused, bidding, quarantined, reason, weights, drift, alerts, autonomy = {}, proposals = [] } = view;
  printObject({ paused, bidding, quarantined, weights, drift, alerts, reason }, format);
  const levels = Object.entries(autonomy).map(([agent, one]) => ({ agent, ...one }));
  printRows(levels, ['agent', 'level', 'overrideBps', 'accepted'], format);
  printRows(proposals, ['proposalId', 'agent', 'waitsFor', 'act', 'requestedBy', 'reason'], format);
}
