import path from 'node:path';
import type { ProcessSpec } from '../setup';
import { accepts, type Home, type Keys } from '../setup';

/** What the processes of one stack share. */
export interface PartContext {
  root: string;
  home: Home;
  keys: Keys;
  fleet: string;
  databaseUrl: string;
  temporalAddress: string;
  temporalNamespace: string;
  temporalUi: string | null;
  controlPlanePort: number;
  edgePorts: Record<string, number>;
  edgeAdminPorts: Record<string, number>;
  /** Where edges look for the control plane; null: at its own address. */
  edgeUpstream: string | null;
  kpiBucketSeconds: number;
  /** Variables for every process, over the inherited ones. */
  env: NodeJS.ProcessEnv;
}

export interface SimulatorOptions {
  scenario: string;
  /** Absent: as the scenario says. */
  requestsPerSecond?: number;
  seed?: number;
  /** Where it lists the notices that an edge acknowledged. */
  ackLog: string;
  controlPort: number;
}

const HTTP_OK = 200;

/** Whether the URL answers 200 within a second. */
export async function answersOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
    await response.arrayBuffer();
    return response.status === HTTP_OK;
  } catch {
    return false; // Not yet, or not any more: the caller polls.
  }
}

const program = (context: PartContext, file: string): string => path.join(context.root, 'dist/apps', file);

const controlPlaneUrl = (context: PartContext): string => `http://127.0.0.1:${context.controlPlanePort}`;

function controlPlaneEnv(context: PartContext): NodeJS.ProcessEnv {
  return {
    ...context.env,
    DATABASE_URL: context.databaseUrl,
    HOST: '127.0.0.1',
    PORT: String(context.controlPlanePort),
    ADLOOP_HOME: context.home.root,
    TEMPORAL_ADDRESS: context.temporalAddress,
    TEMPORAL_NAMESPACE: context.temporalNamespace,
    TEMPORAL_UI_URL: context.temporalUi ?? '',
    FLEET: context.fleet,
    CELL: 'default',
    KPI_BUCKET_SECONDS: String(context.kpiBucketSeconds),
    SHIPPED_DIR: path.join(context.root, 'apps/bidder-edge/shipped'),
    EDGE_URLS: Object.values(context.edgeAdminPorts)
      .map((port) => `http://127.0.0.1:${port}`)
      .join(','),
  };
}

/** The HTTP API. It runs the migrations, so it comes before the worker. */
export function controlPlanePart(context: PartContext): ProcessSpec {
  return {
    name: 'control-plane',
    command: process.execPath,
    args: ['--enable-source-maps', program(context, 'control-plane/src/main.js')],
    env: controlPlaneEnv(context),
    ready: () => answersOk(`${controlPlaneUrl(context)}/healthz`),
    readyWithinMs: 60_000,
    stopWithinMs: 15_000,
  };
}

/** The Temporal worker: workflows and activities. */
export function workerPart(context: PartContext): ProcessSpec {
  return {
    name: 'worker',
    command: process.execPath,
    args: ['--enable-source-maps', program(context, 'control-plane/src/worker.js')],
    env: controlPlaneEnv(context),
    readyLine: /worker ready|"RUNNING"|state: 'RUNNING'/i,
    readyWithinMs: 60_000,
    stopWithinMs: 15_000,
  };
}

/**
 * An edge that was idle for some seconds has its young generation cut to half a megabyte and collects fifty times as often until it has grown
 * again: p99 of the first seconds 24 to 66 ms instead of 7 to 16 (docs/operations/edge.md).
 */
export const EDGE_NODE_FLAGS = ['--min-semi-space-size=16'];

/** One edge bidder under the control plane. */
export function edgePart(context: PartContext, edgeId: string): ProcessSpec {
  const port = context.edgePorts[edgeId]!;
  return {
    name: edgeId,
    command: process.execPath,
    args: ['--enable-source-maps', ...EDGE_NODE_FLAGS, program(context, 'bidder-edge/src/main.js')],
    env: {
      ...context.env,
      EDGE_ID: edgeId,
      EDGE_PORT: String(port),
      EDGE_ADMIN_PORT: String(context.edgeAdminPorts[edgeId]!),
      EDGE_HOME: context.home.edge(edgeId),
      CONTROL_PLANE_URL: context.edgeUpstream ?? controlPlaneUrl(context),
      EDGE_TOKEN_FILE: context.keys.edgeTokenFile,
      SNAPSHOT_KEYS_DIR: context.keys.snapshotPublic,
      OPERATOR_KEYS_DIR: context.keys.operatorPublic,
      KILL_FILE: path.join(context.home.root, 'kill.json'),
      NOTICE_KEY_FILE: context.keys.noticeKeyFile,
      USER_HASH_KEY_FILE: context.keys.userHashKeyFile,
      FLEET: context.fleet,
    },
    ready: () => answersOk(`http://127.0.0.1:${port}/healthz`),
    readyWithinMs: 30_000,
  };
}

/** The market: users, rivals and an exchange that drive these edges over OpenRTB, each user always the same one. */
export function simulatorPart(
  context: PartContext,
  edgeIds: readonly string[],
  options: SimulatorOptions,
): ProcessSpec {
  const { scenario, requestsPerSecond, seed, ackLog, controlPort } = options;
  const args = [
    '--scenario',
    scenario,
    '--edge',
    edgeIds.map((edgeId) => `http://127.0.0.1:${context.edgePorts[edgeId]!}`).join(','),
    '--exchange',
    'demo',
  ];
  args.push('--ack-log', ackLog);
  if (requestsPerSecond !== undefined) args.push('--rate', String(requestsPerSecond));
  if (seed !== undefined) args.push('--seed', String(seed));
  return {
    name: 'simulator',
    command: process.execPath,
    args: [
      '--enable-source-maps',
      program(context, 'market-simulator/src/main.js'),
      ...args,
      '--control-port',
      String(controlPort),
    ],
    env: context.env,
    ready: () => accepts(controlPort),
    readyWithinMs: 30_000,
  };
}
