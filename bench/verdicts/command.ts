import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { findRoot } from '../../scripts/setup';
import { MachineWatch } from '../machine';
import type { Plant } from './plants';
import { figuresOf, verdictDocument, type VerdictReport } from './report';
import { runScenarios } from './run-scenarios';
import { SCENARIOS } from './scenarios';

/** Flags of `bench verdicts`. */
export interface VerdictFlags {
  json: boolean;
  runs: number;
  seed: number;
  plant: Plant | null;
  only?: string;
  write: boolean;
}

/** Simulates, prints and writes docs/verdicts.md; a missed bound ends with exit code 1. A planted or partial run writes nothing. */
export async function benchVerdicts(flags: VerdictFlags): Promise<void> {
  const root = findRoot();
  const watch = new MachineWatch(root);
  const startedAt = performance.now();
  const scenarios = SCENARIOS.filter(({ name }) => flags.only === undefined || name.includes(flags.only));
  if (scenarios.length === 0) throw new RangeError(`no scenario is called ${flags.only}`);
  const found = await runScenarios(scenarios, { ...flags, say: (line) => console.error(line) });
  const figures = found.map(figuresOf);
  const report: VerdictReport = {
    measuredAt: new Date().toISOString(),
    seed: flags.seed,
    plant: flags.plant,
    seconds: Math.round((performance.now() - startedAt) / 1000),
    machine: watch.report(),
    isMet: figures.every(({ bounds }) => bounds.every(({ isMet }) => isMet)),
    scenarios: figures,
  };
  const document = verdictDocument(report);
  const isWhole = flags.plant === null && scenarios.length === SCENARIOS.length;
  if (flags.write && isWhole) writeFileSync(path.join(root, 'docs', 'verdicts.md'), document);
  console.log(flags.json ? JSON.stringify(report) : document);
  if (!report.isMet) process.exitCode = 1;
}
