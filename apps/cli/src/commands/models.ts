import { Option, type Command } from 'commander';
import { printObject, printRows } from '../output';
import { contextOf } from './command-context';
import { addModelRegister } from './model-register';
import { instantOf } from './rejudge';

interface Production {
  at: string;
  items: {
    cell: string;
    agent: string;
    modelVersionId: string;
    since: string;
    until: string | null;
    actor: string;
    reason: string;
    rolloutId: string | null;
    requestedBy: string | null;
    evidence: { stage: number; look: number; verdict: string; reason: string } | null;
    evidenceDigest: string | null;
    approvals: { approver: string; stage: number; reason: string }[];
  }[];
}

/** `adloop model register|at|list`: models from elsewhere, and what was bidding when, by whom, on what evidence. */
export function addModelCommands(program: Command): void {
  const model = program.command('model').alias('models').description('registered models, and what was bidding when');
  addModelRegister(model);
  model
    .command('at <time>')
    .description('what was bidding at a time (ISO 8601, or "now"), who allowed it, on what evidence')
    .option('--cell <cell>', 'one cell only')
    .addOption(new Option('--json', 'the same as -o json'))
    .action(async (time: string, options: { cell?: string }, command: Command) => {
      const context = contextOf(command);
      const query = new URLSearchParams({
        ...(time !== 'now' && { at: instantOf(time) }),
        ...(options.cell && { cell: options.cell }),
      });
      const found = await context.api('viewer').call<Production>('GET', `/models/production?${query.toString()}`);
      if (context.format === 'table') printProduction(found);
      else printObject({ ...found }, context.format);
    });
  model
    .command('list')
    .description('registered model versions, newest first')
    .option('--agent <agent>', 'of one agent only')
    .option('--limit <n>', 'how many', '50')
    .action(async (options: { agent?: string; limit: string }, command: Command) => {
      const context = contextOf(command);
      const query = new URLSearchParams({ limit: options.limit, ...(options.agent && { agent: options.agent }) });
      const page = await context.api('viewer').call<{ items: Registered[] }>('GET', `/models?${query.toString()}`);
      if (context.format !== 'table') return printRows([...page.items], [], context.format);
      printRows(page.items.map(rowOf), ['model', 'agent', 'family', 'gates', 'parent', 'by', 'created'], 'table');
    });
}

interface Registered {
  modelVersionId: string;
  gatesPassed: boolean;
  createdBy: string;
  manifest: {
    agent: string;
    family: string;
    parentId: string | null;
    createdAt: string;
    gates: { gate: string; passed: boolean }[];
  };
  [field: string]: unknown;
}

const rowOf = ({ modelVersionId, createdBy, manifest: { agent, family, parentId, createdAt, gates } }: Registered) => ({
  model: modelVersionId,
  agent,
  family,
  gates: gates.map(({ gate, passed }) => `${gate} ${passed ? 'passed' : 'REFUSED'}`),
  parent: parentId,
  by: createdBy,
  created: createdAt,
});

function printProduction({ at, items }: Production): void {
  console.log(`At ${at}:`);
  const rows = items.map((item) => ({
    cell: item.cell,
    agent: item.agent,
    model: item.modelVersionId,
    since: item.since,
    until: item.until ?? 'still',
    'allowed by': allowedBy(item),
    'on what evidence': evidenceOf(item),
  }));
  printRows(rows, ['cell', 'agent', 'model', 'since', 'until', 'allowed by', 'on what evidence'], 'table');
}

function allowedBy({ actor, requestedBy, approvals, reason }: Production['items'][number]): string {
  const approvers = approvals.map(({ approver, stage }) => `${approver} (stage ${stage})`);
  if (approvers.length > 0) return `${approvers.join(', ')}; asked by ${requestedBy ?? actor}`;
  return requestedBy === null ? `${actor}: ${reason}` : `${actor}; asked by ${requestedBy}`;
}

function evidenceOf({ rolloutId, evidence, evidenceDigest, reason }: Production['items'][number]): string {
  if (evidence === null) return evidenceDigest === null ? reason : `digest ${evidenceDigest}`;
  const { stage, look, verdict, reason: why } = evidence;
  return `${rolloutId ?? ''} stage ${stage} look ${look}: ${verdict}, ${why} (${(evidenceDigest ?? '').slice(0, 12)})`;
}
