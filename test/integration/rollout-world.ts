import { randomBytes } from 'node:crypto';
import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import { Connection, type WorkflowHandle } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import type { LookResult, TakeLookInput } from '../../activities/rollout-activities';
import { EdgeFleet } from '../../apps/control-plane/src/edges/edge-fleet.service';
import { CanaryLeases } from '../../apps/control-plane/src/edges/canary-leases.service';
import { SnapshotPublisher } from '../../apps/control-plane/src/edges/snapshot-publisher.service';
import { SnapshotStore } from '../../apps/control-plane/src/edges/snapshot-store';
import { ModelRepository } from '../../apps/control-plane/src/registry/model.repository';
import { PointerRepository } from '../../apps/control-plane/src/registry/pointer.repository';
import { RolloutRepository } from '../../apps/control-plane/src/rollouts/rollout.repository';
import { ShippedSeed } from '../../apps/control-plane/src/shipped/shipped-seed';
import { registerSearchAttributes } from '../../apps/control-plane/src/temporal/search-attribute-registration';
import { TemporalClient } from '../../apps/control-plane/src/temporal/temporal-client';
import { WorkerActivities } from '../../apps/control-plane/src/temporal/worker-activities.service';
import { installRuntime, WorkerHost } from '../../apps/control-plane/src/temporal/worker-host';
import { WorkerModule } from '../../apps/control-plane/src/temporal/worker.module';
import type { Agent, AgentPolicy, RolloutPlan, Verdict } from '../../domain/contracts';
import type { ApproveCommand, Command, RollOutPolicyInput, RolloutView } from '../../workflows/messages';
import { CONTROL_QUEUE, rolloutWorkflowId } from '../../workflows/workflow-ids';
import { temporalAddress } from '../servers';
import { shortPlan } from '../workflow/stub-rollout';
import { ControlPlaneHarness, SHIPPED_DIR } from './control-plane-harness';

export const mia = { name: 'mia', role: 'ml-lead' } as const;
export const alice = { name: 'alice', role: 'release-manager' } as const;
const EDGE_MS = 40;
let isInstalled = false;

/** An edge as the control plane knows one: loads the newest snapshot, then says what it serves. */
class FakeEdge {
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> = Promise.resolve();
  /** Highest version that this edge takes; newer ones it refuses. */
  refusesAfter = Number.POSITIVE_INFINITY;
  private serving: { snapshotId: string; version: number } | null = null;
  /** Canary share of every snapshot that this edge acknowledged, with its version. */
  readonly acknowledged: { version: number; canaryBps: number; atMs: number }[] = [];

  constructor(
    readonly edgeId: string,
    private readonly plane: ControlPlaneHarness,
  ) {}

  start(): void {
    const beat = () => {
      this.running = this.beat();
      void this.running.finally(() => {
        if (this.timer !== null) this.timer = setTimeout(beat, EDGE_MS);
      });
    };
    this.timer = setTimeout(beat, 0);
  }

  async stop(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    await this.running;
  }

  /** Dies and has been silent for a minute. */
  async die(): Promise<void> {
    await this.stop();
    await this.plane.database.query(
      `UPDATE edge SET first_seen_at = first_seen_at - interval '1 hour', last_seen_at = now() - interval '1 minute' WHERE edge_id = $1`,
      [this.edgeId],
    );
  }

  private async beat(): Promise<void> {
    const { app, config } = this.plane;
    const store = app.get(SnapshotStore);
    const latest = await store.latest(config.cell);
    const isTaken = latest !== null && latest.version <= this.refusesAfter;
    const snapshot = isTaken ? await store.snapshot(latest.snapshotId) : null;
    if (snapshot !== null) this.serving = { snapshotId: snapshot.snapshotId, version: snapshot.version };
    const detail = 'refused by test';
    await app.get(EdgeFleet).record({
      edgeId: this.edgeId,
      fleet: config.fleet,
      bootId: 'boot-1',
      sentAtMs: Date.now(),
      snapshotId: this.serving?.snapshotId ?? null,
      snapshotVersion: this.serving?.version ?? null,
      refusedSnapshot: latest !== null && !isTaken ? { version: latest.version, code: 'LOAD', detail } : null,
      servingCanary: null,
      killLevel: 'none',
      quarantinedAgents: [],
      counters: {},
      outboxBytes: 0,
      draining: false,
      grants: [],
      lateBills: [],
    });
    if (snapshot !== null && this.acknowledged.at(-1)?.version !== snapshot.version) {
      const canaryBps = snapshot.canary?.shareBps ?? 0;
      this.acknowledged.push({ version: snapshot.version, canaryBps, atMs: Date.now() });
    }
  }
}

/**
 * Control plane, worker and Temporal for real, on a database and a namespace of their own, with fake edges. Only what
 * needs traffic is given: the lint's facts, the looks' verdicts, the shadow's sums.
 */
export class RolloutWorld {
  verdictOf: (input: TakeLookInput) => Verdict = () => 'non-inferior';
  private host: WorkerHost | null = null;
  private n = 0;

  private constructor(
    readonly plane: ControlPlaneHarness,
    readonly worker: INestApplicationContext,
    readonly edges: FakeEdge[],
  ) {}

  static async start(edgeIds: string[] = ['edge-1', 'edge-2', 'edge-3']): Promise<RolloutWorld> {
    const namespace = `rollouts-${randomBytes(4).toString('hex')}`;
    const connection = await Connection.connect({ address: temporalAddress() });
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: msToTs('1 day'),
    });
    await untilReady(() => registerSearchAttributes(connection, namespace));
    await connection.close();
    const plane = await ControlPlaneHarness.start({
      SHIPPED_DIR,
      TEMPORAL_ADDRESS: temporalAddress(),
      TEMPORAL_NAMESPACE: namespace,
    });
    // Once per process: a second world finds it installed.
    isInstalled ||= (installRuntime(null), true);
    const worker = await NestFactory.createApplicationContext(WorkerModule.of(plane.config), { logger: false });
    await plane.app.get(ShippedSeed).seed();
    await worker.get(SnapshotPublisher).publish('the first');
    const edges = edgeIds.map((edgeId) => new FakeEdge(edgeId, plane));
    for (const edge of edges) edge.start();
    const world = new RolloutWorld(plane, worker, edges);
    await untilReady(async () => {
      if ((await plane.app.get(EdgeFleet).liveEdges()) < edges.length) throw new Error('no edges yet');
    });
    return world;
  }

  /**
   * `wrap` sees every activity before it is registered; `slow` replaces those of the training queues; `queues` are the ones served,
   * all when absent.
   */
  async startWorker(
    change: Record<string, unknown> = {},
    wrap: (activities: object) => object = (activities) => activities,
    slow: object = {},
    queues?: readonly string[],
  ): Promise<void> {
    const activities = this.worker.get(WorkerActivities);
    this.host = await WorkerHost.create({
      address: this.plane.config.temporalAddress,
      namespace: this.plane.config.temporalNamespace,
      stickyQueueMs: 500,
      control: wrap({ ...activities.control(), ...this.given(), ...change }),
      training: wrap({ ...activities.training(), ...slow }),
      queues,
    });
    this.host.start(() => undefined);
  }

  async stopWorker(): Promise<void> {
    await this.host?.stop();
    this.host = null;
  }

  async stop(): Promise<void> {
    await this.stopWorker();
    await Promise.all(this.edges.map((edge) => edge.stop()));
    await this.worker.close();
    await this.plane.stop();
  }

  /** Activities whose answers need traffic. */
  private given() {
    return {
      lintRollout: () => Promise.resolve({ faults: [] }),
      summariseShadow: () =>
        Promise.resolve({
          n: 500,
          errors: 0,
          outOfBounds: 0,
          latencyUsP99: 400,
          meanBidRatio: 1,
          meanSurplusDifferenceMicros: 0,
          surplusStandardErrorMicros: 1,
        }),
      takeLook: async (input: TakeLookInput): Promise<LookResult> => {
        const verdict = this.verdictOf(input);
        return {
          look: input.look,
          atMs: Date.now(),
          verdict,
          catastrophe: false,
          reason: `given: ${verdict}`,
          digest: `${input.rolloutId}/${input.stage}/${verdict}`,
          decisions: { canary: 1000, control: 3000 },
          primaryEvents: { canary: 120, control: 360 },
          primary: null,
          held: await this.plane.app.get(RolloutRepository).held(input.rolloutId),
        };
      },
    };
  }

  /** Registers a version like the present champion of `agent`, changed by `change`. */
  async candidate(agent: Agent, change: (policy: AgentPolicy) => AgentPolicy = (policy) => policy): Promise<string> {
    const { app, config } = this.plane;
    const pointer = await app.get(PointerRepository).find(config.cell, agent, 'champion');
    const champion = await app.get(ModelRepository).find(pointer!.modelVersionId);
    const modelVersionId = `${agent}-c${(this.n += 1)}-${randomBytes(3).toString('hex')}`;
    const { createdAt: _createdAt, ...manifest } = champion!.manifest;
    const policy = change({ ...manifest.policy, modelVersionId } as AgentPolicy);
    await app.get(ModelRepository).register({
      key: `test/${modelVersionId}`,
      manifest: { ...manifest, modelVersionId, parentId: manifest.modelVersionId, policy },
      createdBy: 'test',
    });
    return modelVersionId;
  }

  /** Two canary stages; the first needs an approval once a look has proven it. */
  static plan(change: Partial<RolloutPlan> = {}): RolloutPlan {
    const [, canary] = shortPlan().stages;
    const stage = { ...canary, holdSeconds: 1, maxSeconds: 600 };
    return shortPlan({
      stages: [
        { ...stage, shareBps: 500, approval: true },
        { ...stage, shareBps: 2500, holdSeconds: 600 },
      ],
      ...change,
    });
  }

  async release(
    candidateId: string,
    change: Partial<RollOutPolicyInput> = {},
  ): Promise<{ rolloutId: string; handle: WorkflowHandle }> {
    const { config, app } = this.plane;
    const rolloutId = `rol_${(this.n += 1)}_${randomBytes(3).toString('hex')}`;
    const input: RollOutPolicyInput = {
      rolloutId,
      fleet: config.fleet,
      cell: config.cell,
      agent: 'frequency',
      candidateId,
      plan: RolloutWorld.plan(),
      requestedBy: mia,
      ...change,
    };
    const workflowId = rolloutWorkflowId(rolloutId);
    const handle = await app
      .get(TemporalClient)
      .client.workflow.start('rollOutPolicy', { workflowId, taskQueue: CONTROL_QUEUE, args: [input] });
    return { rolloutId, handle };
  }

  leases(): CanaryLeases {
    return this.plane.app.get(CanaryLeases);
  }

  /** Snapshots of the cell after `version` that give a canary a share. */
  async sharesAfter(version: number): Promise<{ version: string; canaryBps: number }[]> {
    return this.plane.database.query(
      `SELECT version, (payload::jsonb->'canary'->>'shareBps')::integer AS "canaryBps" FROM snapshot
       WHERE version > $1 AND (payload::jsonb->'canary'->>'shareBps')::integer > 0`,
      [version],
    );
  }
}

async function untilReady(work: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await work();
      return;
    } catch (error) {
      if (tries >= 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** Asks the rollout until its view is as wanted. */
export async function until(handle: WorkflowHandle, wanted: (view: RolloutView) => boolean): Promise<RolloutView> {
  for (let tries = 0; tries < 600; tries += 1) {
    const view = await handle.query<RolloutView>('state').catch(() => null);
    if (view !== null && wanted(view)) return view;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`never reached: ${JSON.stringify(await handle.query<RolloutView>('state'))}`);
}

export const approve = (handle: WorkflowHandle, view: RolloutView, by: Command['by'] = alice) =>
  handle.executeUpdate<RolloutView, [ApproveCommand]>('approve', {
    args: [
      {
        by,
        reason: 'looks right',
        approvalId: `apr_${randomBytes(6).toString('hex')}`,
        evidenceDigest: view.evidenceDigest ?? '',
        expiresAtMs: Date.now() + 3_600_000,
      },
    ],
  });

export const send = (handle: WorkflowHandle, name: string, by: Command['by'] = alice) =>
  handle.executeUpdate<RolloutView, [Command]>(name, { args: [{ by, reason: `${name} by test` }] });
