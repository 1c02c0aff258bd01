import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { findRoot, removeHomes, temporaryFolder } from '../../scripts/setup';
import { startStack, stopOnSignals } from '../../scripts/stack';
import { MachineWatch } from '../machine';
import { withSection } from '../results-section';
import { BenchCells } from './bench-cells';
import { measureLifecycles, measureLooks, measureSchedules } from './measure';
import { CONTROL_PLANE_TITLE, controlPlaneSection, type ControlPlaneReport } from './report';

export interface ControlPlaneFlags {
  json: boolean;
  rollouts: number;
  lanes: number;
  serving: number;
  schedules: number;
  seconds: number;
  write: boolean;
}

/**
 * What one worker holds: a real worker, Temporal server with its database on disk, Postgres with fsync, and one edge that
 * acknowledges. Writes its section of bench/results.md.
 */
export async function benchControlPlane(flags: ControlPlaneFlags): Promise<void> {
  const root = findRoot();
  const home = temporaryFolder('bench');
  const watch = new MachineWatch(root);
  const say = (line: string): void => console.error(line);
  const stack = await startStack({
    home,
    parts: ['postgres', 'temporal', 'control-plane', 'worker', 'edge'],
    env: { META_TICK_SECONDS: '3600' },
    onAssembled: (assembled) =>
      stopOnSignals(
        assembled,
        () => say('stopping'),
        () => 130,
      ),
  });
  const connection = await Connection.connect({ address: stack.urls.temporalAddress });
  const client = new Client({ connection });
  const cells = await BenchCells.open(stack.urls.postgres);
  try {
    await cells.create(Math.max(flags.lanes, flags.serving));
    say(`${flags.rollouts} rollouts in ${flags.lanes} lanes`);
    const lifecycles = await measureLifecycles(client, cells, stack.pid('worker') ?? 0, flags);
    await cells.freshen(flags.serving);
    say(`${flags.serving} serving rollouts, a look a second each`);
    const { looks, history } = await measureLooks(client, cells, { rollouts: flags.serving, seconds: flags.seconds });
    say(`${flags.schedules} schedules, one tick a second each`);
    const schedules = await measureSchedules(client, flags);
    watch.stopListening();
    const measuredAt = new Date().toISOString();
    const report: ControlPlaneReport = { measuredAt, machine: watch.report(), lifecycles, looks, history, schedules };
    if (flags.write) {
      const file = path.join(root, 'bench', 'results.md');
      const before = existsSync(file) ? readFileSync(file, 'utf8') : '# Figures\n';
      writeFileSync(file, withSection(before, CONTROL_PLANE_TITLE, controlPlaneSection(report)));
    }
    console.log(flags.json ? JSON.stringify(report) : controlPlaneSection(report).join('\n'));
  } finally {
    await cells.close();
    await connection.close();
    await stack.stop();
    removeHomes(home);
  }
}
