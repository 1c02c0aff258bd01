import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Plant } from './plants';
import { simulateRollout, type Run } from './rollout-simulation';
import { SCENARIOS, trafficOf, type Scenario, type Traffic } from './scenarios';

/** What a worker thread is asked for: every `stride`-th run of every scenario named, from `first` on. */
interface Task {
  names: string[];
  runs: number;
  seed: number;
  plant: Plant | null;
  first: number;
  stride: number;
}

/** All runs of one scenario, in any order. */
export interface ScenarioRuns {
  scenario: Scenario;
  traffic: Traffic;
  runs: Run[];
}

/** Seeds of different scenarios never meet. */
const seedOf = (task: Task, scenario: Scenario, run: number): number =>
  task.seed * 10_000_000 + SCENARIOS.indexOf(scenario) * 100_000 + run;

/** Simulates the scenarios on all cores; the same seed gives the same runs on any number of them. */
export async function runScenarios(
  scenarios: readonly Scenario[],
  options: { runs: number; seed: number; plant: Plant | null; say: (line: string) => void },
): Promise<ScenarioRuns[]> {
  const { runs, seed, plant, say } = options;
  const traffic = trafficOf(scenarios, seed);
  const names = scenarios.map(({ name }) => name);
  const found = new Map<string, Run[]>(names.map((name) => [name, []]));
  const stride = Math.max(1, availableParallelism());
  const workers = Array.from({ length: stride }, (_, first) => {
    const task: Task = { names, runs, seed, plant, first, stride };
    return new Promise<void>((resolve, reject) => {
      const worker = new Worker(__filename, { workerData: task });
      worker.on('message', ({ name, part }: { name: string; part: Run[] }) => {
        const list = found.get(name)!;
        list.push(...part);
        if (list.length === runs) say(`${name}: ${runs} rollouts`);
      });
      worker.on('error', reject);
      worker.on('exit', () => resolve());
    });
  });
  await Promise.all(workers);
  return scenarios.map((scenario) => ({
    scenario,
    traffic: traffic.get(scenario)!,
    runs: found.get(scenario.name)!,
  }));
}

function work(task: Task): void {
  const scenarios = SCENARIOS.filter(({ name }) => task.names.includes(name));
  const traffic = trafficOf(scenarios, task.seed);
  for (const scenario of scenarios) {
    const part: Run[] = [];
    for (let run = task.first; run < task.runs; run += task.stride) {
      const { world } = traffic.get(scenario)!;
      const { plan, truth } = scenario;
      part.push(simulateRollout({ plan, world, truth, plant: task.plant, seed: seedOf(task, scenario, run) }));
    }
    parentPort!.postMessage({ name: scenario.name, part });
  }
}

if (!isMainThread && parentPort) work(workerData as Task);
