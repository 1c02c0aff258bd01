import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { buildProgram } from '../../apps/cli/src/main';
import { EXPERIMENT_STATES } from '../../domain/contracts/experiment';
import { ROLLOUT_STATES } from '../../domain/contracts/rollout';
import * as workflows from '../../workflows';

const ROOT = path.resolve(__dirname, '../..');
const FOLDER = path.join(ROOT, 'docs/runbook');
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

/** Members of a union of string literals as the source declares it: types have no values to ask. */
function unionOf(file: string, name: string): string[] {
  const declaration = new RegExp(`export type ${name} =([^;]*);`).exec(read(file));
  if (declaration === null) throw new Error(`${file} declares no ${name}`);
  return [...declaration[1]!.matchAll(/'([^']+)'/g)].map((match) => match[1]!);
}

/** Entries of a file: heading -> text. */
function entriesOf(file: string): Map<string, string> {
  const [, ...parts] = read(`docs/runbook/${file}`).split(/^## /m);
  return new Map(
    parts.map((part) => [part.slice(0, part.indexOf('\n')).trim(), part.slice(part.indexOf('\n'))] as const),
  );
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** States of each workflow, from the contracts. */
const STATES: Record<string, readonly string[]> = {
  rollOutPolicy: ROLLOUT_STATES,
  validateInShadow: ['shadow'],
  runExperiment: EXPERIMENT_STATES,
  rollBackTo: ['rolling-back', 'rolled-back'],
  retrainAgents: unionOf('workflows/messages.ts', 'TrainingStep'),
  retrainTick: ['running'],
  metaAgent: ['watching', 'paused', 'stopped', 'quarantined'],
};

test('every workflow of the bundle has a file, and every file a workflow', () => {
  const files = readdirSync(FOLDER).filter((file) => !['README.md', 'pages.md'].includes(file));
  expect(files.sort()).toEqual(
    Object.keys(workflows)
      .map((name) => `${kebab(name)}.md`)
      .sort(),
  );
  expect(Object.keys(STATES).sort()).toEqual(Object.keys(workflows).sort());
});

test.each(Object.entries(STATES))(
  '%s: every state has an entry that says what it means, waits for, and what to do',
  (name, states) => {
    const entries = entriesOf(`${kebab(name)}.md`);
    expect([...entries.keys()].sort()).toEqual([...states].sort());
    for (const [state, text] of entries) {
      for (const part of ['Means', 'Waits for', 'Do', 'Commands'])
        expect(`${state}: ${text}`).toContain(`- **${part}** `);
    }
  },
);

test('stages that roll-backs show are the ones of the runbook', () => {
  const shown = [...read('workflows/roll-back-to.ts').matchAll(/show\(\s*'([^']+)'/g)].map((match) => match[1]!);
  expect([...new Set(shown)].sort()).toEqual([...STATES.rollBackTo!].sort());
});

test('every page has an entry', () => {
  const entries = entriesOf('pages.md');
  expect([...entries.keys()].sort()).toEqual(unionOf('activities/page-activities.ts', 'PageKind').sort());
  for (const [kind, text] of entries)
    for (const part of ['Means', 'Do']) expect(`${kind}: ${text}`).toContain(`- **${part}** `);
});

test('every command that the runbook names is one of the command line', () => {
  const program = buildProgram();
  const unknown = readdirSync(FOLDER).flatMap((file) =>
    [...read(`docs/runbook/${file}`).matchAll(/`adloop ([^`…]+)[^`]*`/g)]
      .map((match) => match[1]!.trim())
      .filter((line) => !isCommand(program, line.split(' ')))
      .map((line) => `${file}: adloop ${line}`),
  );
  expect(unknown).toEqual([]);
});

/** Whether the words name a command and, after it, only options it has and arguments. */
function isCommand(parent: Command, words: string[]): boolean {
  const [word, ...rest] = words;
  const child = parent.commands.find((one) => one.name() === word || one.aliases().includes(word ?? ''));
  if (child === undefined) return false;
  if (child.commands.length > 0) return isCommand(child, rest);
  const options = rest.filter((one) => one.startsWith('--'));
  return options.every((option) => child.options.some((known) => known.long === option));
}
