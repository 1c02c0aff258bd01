import { execFileSync } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Where a run took place and how calm it was: absolute times mean nothing without it. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryGiB: number;
  node: string;
  commit: string;
  loadBefore: number;
  loadAfter: number;
  /** Longest time that this idle process was not let run, ms: stalls that belong to the machine, not to what is measured. */
  longestHiccupMs: number;
}

function commitOf(root: string): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  try {
    return `${git('rev-parse', '--short=10', 'HEAD')}${git('status', '--porcelain') === '' ? '' : ' with changes'}`;
  } catch {
    // Not a checkout: an unpacked archive can be measured as well.
    return 'unknown';
  }
}

/** Watches the machine while something is measured in other processes. */
export class MachineWatch {
  private readonly loadBefore = loadavg()[0]!;
  private readonly delays = monitorEventLoopDelay({ resolution: 5 });

  constructor(private readonly root: string) {
    this.delays.enable();
  }

  /** Ends the watch over stalls: what follows keeps this process busy itself. */
  stopListening(): void {
    this.delays.disable();
  }

  report(): Machine {
    this.delays.disable();
    const [cpu] = cpus();
    return {
      cpu: cpu?.model.trim() ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      node: process.version,
      commit: commitOf(this.root),
      loadBefore: this.loadBefore,
      loadAfter: loadavg()[0]!,
      longestHiccupMs: this.delays.max / 1e6,
    };
  }
}
