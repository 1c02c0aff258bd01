import { mkdirSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { SEARCH_ATTRIBUTE_NAMES } from '../../workflows/search-attributes';
import {
  ensureKeys,
  findTemporal,
  freePorts,
  openHome,
  readEnvironment,
  registerSearchAttributes,
  settlePort,
  SetupError,
  startPostgres,
  startTemporal,
  Supervisor,
  type Crash,
  type Home,
  type SetupEnvironment,
} from '../setup';
import {
  controlPlanePart,
  edgePart,
  simulatorPart,
  workerPart,
  type PartContext,
  type SimulatorOptions,
} from './parts';
import { Stack } from './stack';
import { claimHome, type StackUrls } from './stack-file';

export type Part = 'postgres' | 'temporal' | 'control-plane' | 'worker' | 'edge' | 'simulator';

export const ALL_PARTS: readonly Part[] = ['postgres', 'temporal', 'control-plane', 'worker', 'edge', 'simulator'];

export interface StackOptions {
  /** ADLOOP_HOME of this stack. */
  home: string;
  /** What to start (default: all). The other parts can be started later by `start`. */
  parts?: readonly Part[];
  /** Take the ports of `npm start` (7070 and so on) where they are free; default: any free ports. */
  wellKnownPorts?: boolean;
  /** Edges edge-1 … edge-n (default 1). */
  edges?: number;
  /** Use DATABASE_URL and TEMPORAL_ADDRESS where set (`npm start`); tests never do. Default false. */
  external?: boolean;
  /** fsync on (default true); tests that do not kill Postgres may turn it off. */
  durable?: boolean;
  /** Seconds of one KPI bucket (default 300). */
  kpiBucketSeconds?: number;
  /** Base URL where edges look for the control plane (default: this stack's); drills put something in between. */
  edgeUpstream?: string;
  simulator?: {
    scenario?: string;
    requestsPerSecond?: number;
    seed?: number;
    ackLog?: string;
    /** Drive every edge (default: the first alone). */
    everyEdge?: boolean;
  };
  /** Further variables for the control plane, worker, edges and simulator. */
  env?: NodeJS.ProcessEnv;
  say?: Say;
  /** Called before the first part starts, so that a signal during the start finds something to stop. */
  onAssembled?: (stack: Stack) => void;
  onCrash?: (crash: Crash) => void;
}

type Say = (line: string) => void;

const MINIMUM_FREE_BYTES = 1_000_000_000;
const FLEET = 'demo';

function assertDiskSpace(folder: string): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= MINIMUM_FREE_BYTES) return;
  const freeMb = Math.round((bavail * bsize) / 1e6);
  throw new SetupError(
    `only ${freeMb} MB are free under ${folder}: free 1 GB, or set ADLOOP_HOME to a folder on another disk`,
  );
}

interface StackPorts {
  controlPlane: number;
  temporal: number;
  temporalUi: number;
  postgres: number;
  /** The simulator's control port. */
  simulator: number;
  edges: number[];
  edgeAdmins: number[];
}

async function choosePorts(plan: StackOptions, environment: SetupEnvironment, say: Say): Promise<StackPorts> {
  const count = plan.edges ?? 1;
  const free = await freePorts(5 + 2 * count);
  const [temporal, temporalUi, postgres, controlPlane, simulator, ...ofEdges] = free as [
    number,
    number,
    number,
    number,
    number,
  ];
  const [edges, edgeAdmins] = [ofEdges.slice(0, count), ofEdges.slice(count)];
  if (!plan.wellKnownPorts) return { temporal, temporalUi, postgres, controlPlane, simulator, edges, edgeAdmins };
  const wanted = environment.ports;
  return {
    controlPlane: await settlePort(wanted.controlPlane, say),
    temporal: await settlePort(wanted.temporal, say),
    temporalUi: await settlePort(wanted.temporalUi, say),
    postgres: await settlePort(wanted.postgres, say),
    simulator,
    edges: [await settlePort(wanted.edge, say), ...edges.slice(1)],
    edgeAdmins: [await settlePort(wanted.edgeAdmin, say), ...edgeAdmins.slice(1)],
  };
}

interface Plan {
  environment: SetupEnvironment;
  options: StackOptions;
  supervisor: Supervisor;
  home: Home;
  context: PartContext;
  ports: StackPorts;
  say: Say;
}

/** Starts Postgres, or joins the one of DATABASE_URL. */
function postgresStarter({ environment, options, supervisor, home, context, ports }: Plan): () => Promise<unknown> {
  if (options.external && environment.databaseUrl) {
    context.databaseUrl = environment.databaseUrl;
    return () => Promise.resolve();
  }
  return async () => {
    context.databaseUrl = await startPostgres(supervisor, {
      folder: home.postgres,
      passwordFile: home.postgresPassword,
      port: ports.postgres,
      database: 'adloop',
      durable: options.durable ?? true,
    });
  };
}

/** Starts a Temporal server, or joins the cluster of TEMPORAL_ADDRESS. */
function temporalStarter({
  environment,
  options,
  supervisor,
  home,
  context,
  ports,
  say,
}: Plan): () => Promise<unknown> {
  const searchAttributes = Object.fromEntries(SEARCH_ATTRIBUTE_NAMES.map((name) => [name, 'Keyword' as const]));
  const external = options.external ? environment.temporalAddress : null;
  if (external) {
    context.temporalAddress = external;
    context.temporalUi = null;
    return () => registerSearchAttributes(external, context.temporalNamespace, searchAttributes);
  }
  return async () => {
    await startTemporal(supervisor, {
      binary: await findTemporal(environment, say),
      port: ports.temporal,
      uiPort: ports.temporalUi,
      databaseFile: home.temporalDb,
      namespace: context.temporalNamespace,
      searchAttributes,
      env: context.env,
    });
  };
}

function makeStarters(plan: Plan, simulator: SimulatorOptions): Map<string, () => Promise<unknown>> {
  const { supervisor, context } = plan;
  const starters = new Map<string, () => Promise<unknown>>();
  starters.set('postgres', postgresStarter(plan));
  starters.set('temporal', temporalStarter(plan));
  starters.set('control-plane', () => supervisor.start(controlPlanePart(context)));
  starters.set('worker', () => supervisor.start(workerPart(context)));
  for (const edgeId of Object.keys(context.edgePorts)) {
    starters.set(edgeId, () => supervisor.start(edgePart(context, edgeId)));
  }
  const driven = plan.options.simulator?.everyEdge ? Object.keys(context.edgePorts) : ['edge-1'];
  starters.set('simulator', () => supervisor.start(simulatorPart(context, driven, simulator)));
  return starters;
}

/** Parts of one wave start side by side, each wave after the one before. */
const WAVES: readonly (readonly Part[])[] = [
  ['postgres', 'temporal'],
  ['control-plane'],
  ['edge', 'worker'],
  ['simulator'],
];

const partOf = (name: string): Part => (name.startsWith('edge-') ? 'edge' : name) as Part;

/**
 * Starts the parts asked for, wave by wave. On a fault everything started so far is stopped.
 * @throws SetupError with one line that says what to do.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const environment = readEnvironment();
  const say = options.say ?? (() => undefined);
  const home = openHome(path.resolve(options.home));
  claimHome(home);
  assertDiskSpace(home.root);
  const keys = ensureKeys(home.keys);
  const ports = await choosePorts(options, environment, say);
  const byEdge = (of: readonly number[]) => Object.fromEntries(of.map((port, i) => [`edge-${i + 1}`, port]));
  const supervisor = new Supervisor(home.logs);
  if (options.onCrash) supervisor.onCrash = options.onCrash;
  const context: PartContext = {
    root: environment.root,
    home,
    keys,
    fleet: FLEET,
    databaseUrl: '',
    temporalAddress: `127.0.0.1:${ports.temporal}`,
    temporalNamespace: environment.temporalNamespace,
    temporalUi: `http://127.0.0.1:${ports.temporalUi}`,
    controlPlanePort: ports.controlPlane,
    edgePorts: byEdge(ports.edges),
    edgeAdminPorts: byEdge(ports.edgeAdmins),
    edgeUpstream: options.edgeUpstream ?? null,
    kpiBucketSeconds: options.kpiBucketSeconds ?? 300,
    env: { ...environment.inherited, ...options.env },
  };
  const plan: Plan = { environment, options, supervisor, home, context, ports, say };
  const stack = assemble(plan);
  options.onAssembled?.(stack);
  try {
    for (const wave of WAVES) {
      const names = stack.partNames().filter((name) => wave.includes(partOf(name)));
      const wanted = names.filter((name) => (options.parts ?? ALL_PARTS).includes(partOf(name)));
      if (wanted.length > 0) say(`starting ${wanted.join(', ')}`);
      await Promise.all(wanted.map((name) => stack.start(name)));
    }
    return stack;
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

function assemble(plan: Plan): Stack {
  const { context, home, options, ports } = plan;
  mkdirSync(path.join(home.root, 'simulator'), { recursive: true });
  const simulator: SimulatorOptions = {
    scenario: path.resolve(context.root, options.simulator?.scenario ?? 'scenarios/demo.json'),
    requestsPerSecond: options.simulator?.requestsPerSecond,
    seed: options.simulator?.seed,
    ackLog: options.simulator?.ackLog ?? path.join(home.root, 'simulator', 'acknowledged.ndjson'),
    controlPort: ports.simulator,
  };
  const starters = makeStarters(plan, simulator);
  const urlsOf = (portsOf: Record<string, number>) =>
    Object.fromEntries(Object.entries(portsOf).map(([edgeId, port]) => [edgeId, `http://127.0.0.1:${port}`]));
  const edges = urlsOf(context.edgePorts);
  const urls: StackUrls = {
    controlPlane: `http://127.0.0.1:${context.controlPlanePort}`,
    edge: edges['edge-1']!,
    edges,
    edgeAdmins: urlsOf(context.edgeAdminPorts),
    simulator: `http://127.0.0.1:${ports.simulator}`,
    get temporalUi() {
      return context.temporalUi;
    },
    get temporalAddress() {
      return context.temporalAddress;
    },
    get postgres() {
      return context.databaseUrl;
    },
  };
  const portsByName = new Map<string, number>([
    ['postgres', ports.postgres],
    ['temporal', ports.temporal],
    ['control-plane', ports.controlPlane],
    ['simulator', ports.simulator],
    ...Object.entries(context.edgePorts),
  ]);
  return new Stack(home, plan.context.keys, urls, plan.supervisor, starters, portsByName);
}
