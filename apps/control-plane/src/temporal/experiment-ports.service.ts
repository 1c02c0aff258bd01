import { Injectable } from '@nestjs/common';
import type { ExperimentPorts } from '../../../../activities/experiment-activities';
import { ControlPlaneConfig } from '../config';
import { CanaryLeases } from '../edges/canary-leases.service';
import { SnapshotPublisher } from '../edges/snapshot-publisher.service';
import { ExperimentGuardReader } from '../experiments/experiment-guard-reader.service';
import { ExperimentLint } from '../experiments/experiment-lint.service';
import { ExperimentLookTaker } from '../experiments/experiment-look-taker.service';
import { ExperimentRepository } from '../experiments/experiment.repository';

/** What `runExperiment` needs of the control plane. */
@Injectable()
export class ExperimentPortsService {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly store: ExperimentRepository,
    private readonly lint: ExperimentLint,
    private readonly publisher: SnapshotPublisher,
    private readonly leases: CanaryLeases,
    private readonly looks: ExperimentLookTaker,
    private readonly guard: ExperimentGuardReader,
  ) {}

  ports(): ExperimentPorts {
    return {
      store: this.store,
      lint: (registration) => this.lint.findings(registration),
      publish: (reason) => this.publisher.publish(reason),
      lease: {
        renew: (input) => this.renew(input),
        end: (experimentId, reason) => this.leases.end(experimentId, reason),
      },
      looks: this.looks,
      guard: {
        read: (input) => this.guard.read(input, Date.now()),
        renew: (input) => this.renew(input),
        now: () => Date.now(),
      },
      now: () => Date.now(),
    };
  }

  private async renew(input: { rolloutId: string; stage: number; shareBps: number; seconds: number }): Promise<void> {
    const { rolloutId, stage, shareBps } = input;
    await this.leases.renew({ rolloutId, cell: this.config.cell, stage, shareBps }, Date.now(), input.seconds * 1000);
  }
}
