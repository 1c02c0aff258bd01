import { Injectable } from '@nestjs/common';
import { ControlPlaneConfig } from '../config';
import { EdgeFleet } from '../edges/edge-fleet.service';
import { SnapshotStore } from '../edges/snapshot-store';
import { LakeStatusService } from '../lake/lake-status.service';
import { PointerRepository } from '../registry/pointer.repository';
import { DeliveryStatus } from './delivery-status';
import { LoopSteps } from './loop-steps';
import type { Status } from './status.schema';

const NANOS_PER_UNIT = 1e9;

/** Joins what the stations know into one answer, cheap enough to be asked for every second. */
@Injectable()
export class StatusService {
  private readonly startedAtMs = Date.now();

  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly lake: LakeStatusService,
    private readonly fleet: EdgeFleet,
    private readonly snapshots: SnapshotStore,
    private readonly pointers: PointerRepository,
    private readonly delivery: DeliveryStatus,
    private readonly loop: LoopSteps,
  ) {}

  async status(nowMs = Date.now()): Promise<Status> {
    const { fleet, cell } = this.config;
    const traffic = await this.lake.status(nowMs);
    const pointers = await this.pointers.list(cell);
    const latest = await this.snapshots.latest(cell);
    return {
      fleet,
      cell,
      at: new Date(nowMs).toISOString(),
      startedAt: new Date(this.startedAtMs).toISOString(),
      sinceStart: Math.round((nowMs - this.startedAtMs) / 1000),
      requestsPerSecond: traffic.requestsPerSecond,
      bidRate: traffic.bidRate,
      winRate: traffic.winRate,
      spend: { USD: dollars(traffic.spendNanos) },
      value: { USD: dollars(traffic.valueNanos) },
      decisions: traffic.decisions,
      loop: await this.loop.steps(nowMs),
      champions: pointers
        .filter((pointer) => pointer.role === 'champion')
        .map(({ agent, modelVersionId, since }) => ({ agent, modelVersionId, since })),
      training: await this.delivery.training(),
      rollout: await this.delivery.rollout(),
      edges: await this.fleet.edges(nowMs),
      snapshotVersion: latest?.version ?? null,
      lastBids: traffic.lastBids,
      lake: traffic.lake,
      links: {
        temporalUi: this.config.temporalUiUrl,
        openapi: '/openapi.json',
        metrics: '/metrics',
        edges: [...this.config.edgeUrls],
      },
    };
  }
}

/** Nanos as units of the fleet's currency, to a hundredth of a cent. */
const dollars = (nanos: number): number => Math.round((nanos / NANOS_PER_UNIT) * 1e4) / 1e4;
