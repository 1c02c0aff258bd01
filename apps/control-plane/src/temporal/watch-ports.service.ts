import { Injectable } from '@nestjs/common';
import type { FleetFacts, WatchInput, WatchPorts } from '../../../../activities/watch-activities';
import type { ModelDrift } from '#domain/meta';
import { ControlPlaneConfig } from '../config';
import { SnapshotPublisher } from '../edges/snapshot-publisher.service';
import { DriftReader } from '../lake/drift-reader.service';
import { FleetOutcomes } from '../meta/fleet-outcomes';
import { FleetWatchService } from '../meta/fleet-watch.service';
import { WeightService } from '../meta/weight.service';
import { ModelRepository } from '../registry/model.repository';
import { ServingControlRepository } from '../registry/serving-control.repository';
import { ServingSetService } from '../registry/serving-set.service';

/** Younger decisions still wait for their outcomes. */
const OUTCOME_LAG_MS = 30_000;
/** Weights are judged on a pacing window, 1/48 day, whatever the window of the KPIs. */
const WEIGHT_WINDOW_MS = 86_400_000 / 48;

/** What `metaAgent` needs to watch KPIs, weights, drift and autonomy. */
@Injectable()
export class WatchPortsService {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly watch: FleetWatchService,
    private readonly outcomes: FleetOutcomes,
    private readonly weights: WeightService,
    private readonly controls: ServingControlRepository,
    private readonly serving: ServingSetService,
    private readonly models: ModelRepository,
    private readonly reader: DriftReader,
    private readonly publisher: SnapshotPublisher,
  ) {}

  ports(): WatchPorts {
    return {
      fleetFacts: (input, nowMs) => this.facts(input, nowMs),
      drift: (input, nowMs) => this.drift(input, nowMs),
      control: (cell) => this.controls.read(cell),
      changeWeight: (wish, nowMs) => this.weights.change(wish, nowMs),
      setAutonomy: (input) => this.controls.setAutonomy(input),
      publish: (reason) => this.publisher.publish(reason),
      now: () => Date.now(),
    };
  }

  private async facts(input: WatchInput, nowMs: number): Promise<FleetFacts> {
    const { fleet, cell, windowSeconds, sinceMs } = input;
    const toMs = this.matureUntil(nowMs);
    const weightWindow = { cell, fromMs: toMs - this.wholeBuckets(WEIGHT_WINDOW_MS), toMs };
    const kpiWindow = { cell, fromMs: toMs - this.wholeBuckets(windowSeconds * 1000), toMs };
    const [campaigns, scopes, rolledBack, frozen, failedCandidates, served] = await Promise.all([
      this.watch.campaignWatches(weightWindow, nowMs),
      this.watch.scopes(fleet, kpiWindow, nowMs),
      this.outcomes.rolledBack(cell, sinceMs, nowMs),
      this.outcomes.frozen(cell),
      this.outcomes.failedCandidates(fleet, 'bid'),
      this.serving.servingSet(cell),
    ]);
    const weightsVersion = served?.weights?.version ?? 0;
    return { campaigns, scopes, rolledBack, frozen, failedCandidates, weightsVersion };
  }

  private async drift(
    { cell, windowSeconds }: { cell: string; windowSeconds: number },
    nowMs: number,
  ): Promise<ModelDrift> {
    const served = await this.serving.servingSet(cell);
    const modelVersionId = served?.champion.bid.modelVersionId ?? 'none';
    const model = await this.models.find(modelVersionId);
    if (model === null)
      return { modelVersionId, n: 0, worst: [], drifted: [], reason: `${modelVersionId} is not registered` };
    return this.reader.read(model.manifest, nowMs - windowSeconds * 1000, nowMs);
  }

  /** Rollups are kept by bucket: a window must not cut one. */
  private wholeBuckets(lengthMs: number): number {
    const bucketMs = this.config.kpiBucketSeconds * 1000;
    return Math.max(1, Math.round(lengthMs / bucketMs)) * bucketMs;
  }

  private matureUntil(nowMs: number): number {
    const bucketMs = this.config.kpiBucketSeconds * 1000;
    return Math.floor((nowMs - OUTCOME_LAG_MS) / bucketMs) * bucketMs;
  }
}
