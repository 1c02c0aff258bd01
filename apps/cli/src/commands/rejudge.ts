import { Option, type Command } from 'commander';
import { CliError, EXIT } from '../exit-code';
import { printObject, printRows } from '../output';
import { readJsonFile } from './campaign';
import { contextOf } from './command-context';

interface Judgement {
  verdict: string;
  step: string;
  reason: string;
}

interface Rejudgement {
  rollouts: number;
  looks: number;
  judged: number;
  unjudged: number;
  altered: number;
  verdictsChanged: number;
  flips: number;
  truncated: boolean;
  items: {
    rolloutId: string;
    agent: string;
    state: string;
    flips: { stage: number; look: number; from: Judgement; to: Judgement; first: boolean }[];
    unjudged: { stage: number; look: number; reason: string }[];
  }[];
}

interface Options {
  plan?: string;
  naive?: boolean;
  since?: string;
  limit: string;
}

/** `adloop rejudge`: which decisions of past rollouts another plan would have taken otherwise. */
export function addRejudgeCommand(program: Command): void {
  program
    .command('rejudge')
    .description('judge the stored looks of past rollouts again under another plan and list the decisions that flip')
    .option(
      '--plan <file>',
      'a rollout plan, or single rules: {"alpha", "metrics", "stage": {"minPrimaryEvents", ..}} (JSON)',
    )
    .option('--naive', 'judge by the naive rule: roll back when the estimate is below the margin')
    .option('--since <time>', 'only rollouts that ended since, ISO 8601')
    .option('--limit <n>', 'at most so many rollouts, newest first', '500')
    .addOption(new Option('--json', 'the same as -o json'))
    .action(async (options: Options, command: Command) => {
      const context = contextOf(command);
      const body = {
        policy: policyOf(options),
        limit: Number(options.limit),
        ...(options.since && { since: instantOf(options.since) }),
      };
      const found = await context.api('release-manager').call<Rejudgement>('POST', '/rejudge', body);
      if (context.format === 'table') printTables(found);
      else printObject({ ...found }, context.format);
    });
}

/** A file with a `version` is a whole plan, any other a set of rules. */
function policyOf({ plan: file, naive }: Options): Record<string, unknown> {
  const read = file === undefined ? {} : readJsonFile(file);
  if (typeof read !== 'object' || read === null || Array.isArray(read))
    throw new CliError('PLAN_NOT_AN_OBJECT', `${file ?? ''} holds no JSON object.`, EXIT.usage);
  const rules: Record<string, unknown> = 'version' in read ? { plan: read } : { ...read };
  return naive ? { ...rules, rule: 'naive' } : rules;
}

/** An instant as the API wants it. @throws CliError BAD_TIME */
export function instantOf(text: string): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime()))
    throw new CliError(
      'BAD_TIME',
      `${text} is no time.`,
      EXIT.usage,
      'Write one as 2026-11-27 or 2026-11-27T22:15:00Z.',
    );
  return at.toISOString();
}

function printTables(found: Rejudgement): void {
  const { rollouts, looks, judged, unjudged, altered, verdictsChanged, flips } = found;
  console.log(
    `${judged} of ${looks} looks of ${rollouts} rollouts judged again: ${flips} decisions flip, ${verdictsChanged} verdicts change, ` +
      `${unjudged} looks cannot be judged.`,
  );
  if (altered > 0) console.log(`WARNING: ${altered} looks do not hash to the digest they were sealed with.`);
  if (found.truncated) console.log('More rollouts ended in that time: raise --limit.');
  const rows = found.items.flatMap(({ rolloutId, agent, state, flips: ofRollout }) =>
    ofRollout.map(({ stage, look, from, to, first }) => ({
      rollout: rolloutId,
      agent,
      ended: state,
      stage,
      look,
      was: `${from.step} (${from.verdict})`,
      'would be': `${to.step} (${to.verdict})`,
      first: first ? 'first' : 'later',
      why: to.reason,
    })),
  );
  if (rows.length > 0) {
    console.log('');
    printRows(rows, ['rollout', 'agent', 'ended', 'stage', 'look', 'was', 'would be', 'first', 'why'], 'table');
    console.log('\nBehind a first flip the record shows what happened, not what would have: later flips are hints.');
  }
  const left = found.items.flatMap(({ rolloutId, unjudged: looksLeft }) =>
    looksLeft.map((look) => ({ rollout: rolloutId, ...look })),
  );
  if (left.length > 0) {
    console.log('\nnot judged');
    printRows(left, ['rollout', 'stage', 'look', 'reason'], 'table');
  }
}
