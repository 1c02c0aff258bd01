import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { canonicalJson } from '#domain/contracts/canonical-json';
import type { DecisionOutputs, DecisionRecord } from '#domain/contracts/decision-record';
import { firstDifference } from '#domain/contracts/first-difference';
import { CliError, EXIT } from '../exit-code';
import { printObject } from '../output';
import { readJsonFile } from './campaign';
import { contextOf, type CommandContext } from './command-context';
import { printExplanation, type Explanation } from './explanation';

/** A record whose outputs were taken away: all that a replay may see. */
type Copy = Omit<DecisionRecord, 'outputs'> & { outputs?: DecisionOutputs };

interface ReplayAnswer {
  outputs: { decisionId: string; outputs: DecisionOutputs }[];
}

/** At most so many records travel in one call. */
const BATCH = 200;

/** `adloop decision explain|export|replay|try`. */
export function addDecisionCommands(program: Command): void {
  const decision = program.command('decision').description('why this bid?');
  decision
    .command('explain <decisionId>')
    .description('one decision with its outcomes and a sentence that says why')
    .action(async (id: string, _options: unknown, command: Command) => {
      const context = contextOf(command);
      const path = `/decisions/${encodeURIComponent(id)}`;
      printExplanation(await context.api('viewer').call<Explanation>('GET', path), context.format);
    });
  decision
    .command('export')
    .description('print logged decisions as JSON lines')
    .option('--last <n>', 'how many', '1000')
    .option('--inputs-only', 'leave the outputs out')
    .action(async (options: { last: string; inputsOnly?: boolean }, command: Command) => {
      for (const record of await exportLast(contextOf(command), Number(options.last))) {
        console.log(JSON.stringify(options.inputsOnly ? withoutOutputs(record) : record));
      }
    });
  addReplay(decision);
  addFeatureCheck(decision);
  decision
    .command('try <file>')
    .description('what would we bid on this OpenRTB request? (no effect)')
    .option('--exchange <exchange>', 'exchange', 'demo')
    .action(async (file: string, options: { exchange: string }, command: Command) => {
      const context = contextOf(command);
      const body = { exchange: options.exchange, request: readJsonFile(file) };
      printObject(
        await context.api('ad-ops').call<Record<string, unknown>>('POST', '/decisions/try', body),
        context.format,
      );
    });
}

interface FeatureCheck extends Record<string, unknown> {
  compared: number;
  equal: number;
  differences: Record<string, unknown>[];
  states: Record<string, number>;
}

function addFeatureCheck(decision: Command): void {
  decision
    .command('check-features')
    .description(
      'compare the features of users that edges logged with those that the lake gives; exit code 1 when one differs',
    )
    .option('--hours <n>', 'how far back, at most 168', '24')
    .action(async ({ hours }: { hours: string }, command: Command) => {
      const context = contextOf(command);
      const path = `/lake/features/check?hours=${encodeURIComponent(hours)}`;
      const check = await context.api('viewer').call<FeatureCheck>('GET', path);
      if (context.format === 'table') {
        console.log(`${check.equal} of ${check.compared} decisions logged what the lake gives.`);
        const states = Object.entries(check.states).map(([state, n]) => `${n} ${state}`);
        if (states.length > 0) console.log(`Histories: ${states.join(', ')}.`);
        for (const difference of check.differences) console.log(JSON.stringify(difference));
      } else printObject(check, context.format);
      if (check.equal < check.compared)
        throw new CliError('FEATURES_DIFFER', `${check.compared - check.equal} decisions logged other values.`);
    });
}

function addReplay(decision: Command): void {
  decision
    .command('replay')
    .description('decide logged decisions again from their inputs and compare the outputs byte for byte')
    .option('--last <n>', 'how many logged decisions', '1000')
    .option('--inputs <file>', 'JSON lines of records without outputs, instead of --last')
    .option('--against <file>', 'JSON lines of records with the withheld outputs')
    .option('--artifact <sha256=file...>', 'use these bytes for an artifact, to see what a changed weight does')
    .action(
      async (options: { last: string; inputs?: string; against?: string; artifact?: string[] }, command: Command) => {
        const context = contextOf(command);
        const logged = options.inputs ? [] : await exportLast(context, Number(options.last));
        const copies = options.inputs
          ? readLines<Copy>(options.inputs).map(withoutOutputs)
          : logged.map(withoutOutputs);
        const withheld = options.against ? readLines<DecisionRecord>(options.against) : logged;
        const answers = await replay(context, copies, artifactOverrides(options.artifact ?? []));
        if (withheld.length === 0) {
          for (const answer of answers) console.log(JSON.stringify(answer));
          return;
        }
        compare(context, answers, withheld);
      },
    );
}

async function exportLast(context: CommandContext, last: number): Promise<DecisionRecord[]> {
  const lines = await context.api('viewer').lines('POST', '/decisions/export', { limit: last });
  return lines.map((line) => JSON.parse(line) as DecisionRecord);
}

function withoutOutputs(record: Copy): Copy {
  const { outputs: _withheld, ...copy } = record;
  return copy;
}

/** Records of one request stay in one batch, since inference ran once over all its impressions. */
async function replay(context: CommandContext, copies: Copy[], artifacts: Record<string, string>) {
  const byRequest = new Map<string, Copy[]>();
  for (const copy of copies) {
    const key = `${copy.edgeId}|${copy.inputs.request.requestId}|${copy.inputs.rngCounter}`;
    byRequest.set(key, [...(byRequest.get(key) ?? []), copy]);
  }
  const answers: ReplayAnswer['outputs'] = [];
  let batch: Copy[] = [];
  const flush = async () => {
    if (batch.length === 0) return;
    const body = { records: batch, ...(Object.keys(artifacts).length > 0 && { artifacts }) };
    answers.push(...(await context.api('viewer').call<ReplayAnswer>('POST', '/decisions/replay', body)).outputs);
    batch = [];
  };
  for (const group of byRequest.values()) {
    if (batch.length + group.length > BATCH) await flush();
    batch.push(...group);
  }
  await flush();
  return answers;
}

function artifactOverrides(pairs: string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at !== 64) throw new CliError('BAD_ARTIFACT', `${pair} is not <sha256>=<file>.`, EXIT.usage);
      return [pair.slice(0, at), readFileSync(pair.slice(at + 1)).toString('base64')];
    }),
  );
}

function compare(context: CommandContext, answers: ReplayAnswer['outputs'], withheld: DecisionRecord[]): void {
  const truth = new Map(withheld.map((record) => [record.decisionId, record.outputs]));
  const differences = answers.flatMap(({ decisionId, outputs }) => {
    const expected = truth.get(decisionId);
    if (!expected) return [{ decisionId, pointer: '', logged: null, replayed: null, detail: 'no withheld outputs' }];
    if (canonicalJson(expected) === canonicalJson(outputs)) return [];
    return [{ decisionId, ...firstDifference(expected, outputs) }];
  });
  const summary = { replayed: answers.length, same: answers.length - differences.length, differences };
  if (context.format === 'table') {
    console.log(`${summary.same} of ${summary.replayed} decisions replayed to the same bytes.`);
    for (const difference of differences.slice(0, 20)) console.log(JSON.stringify(difference));
  } else {
    printObject(summary, context.format);
  }
  if (differences.length > 0 || answers.length === 0) {
    throw new CliError('REPLAY_DIFFERS', `${differences.length} of ${answers.length} decisions differ.`, EXIT.failed);
  }
}

function readLines<T>(path: string): T[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}
