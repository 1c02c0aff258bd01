import { Injectable } from '@nestjs/common';
import type { ClaimPorts } from '../../../../activities/claim-activities';
import type { GuardPorts } from '../../../../activities/guard-activities';
import type { PagePorts } from '../../../../activities/page-activities';
import type { RolloutPorts } from '../../../../activities/rollout-activities';
import { ControlPlaneConfig } from '../config';
import { CanaryLeases } from '../edges/canary-leases.service';
import { EdgeFleet } from '../edges/edge-fleet.service';
import { SnapshotPublisher } from '../edges/snapshot-publisher.service';
import { IntentRepository } from '../ledger/intent.repository';
import { Pager } from '../pages/pager.service';
import { ClaimService } from '../rollouts/claim.service';
import { GuardReader } from '../rollouts/guard-reader.service';
import { LookTakerService } from '../rollouts/look-taker.service';
import { RolloutLint } from '../rollouts/rollout-lint.service';
import { RolloutRepository } from '../rollouts/rollout.repository';
import { ShadowSummaryService } from '../rollouts/shadow-summary.service';
import { TargetCheck } from '../rollouts/target-check.service';

/** What `rollOutPolicy` needs of the control plane. */
@Injectable()
export class RolloutPortsService {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly store: RolloutRepository,
    private readonly lint: RolloutLint,
    private readonly publisher: SnapshotPublisher,
    private readonly fleet: EdgeFleet,
    private readonly leases: CanaryLeases,
    private readonly looks: LookTakerService,
    private readonly shadows: ShadowSummaryService,
    private readonly guard: GuardReader,
    private readonly intents: IntentRepository,
    private readonly targets: TargetCheck,
    private readonly claims: ClaimService,
    private readonly pager: Pager,
  ) {}

  ports(): RolloutPorts {
    return {
      store: this.store,
      open: (rollout) => this.store.open(rollout),
      lint: async ({ plan, ...subject }) => (await this.lint.findings(subject, plan)).faults,
      publish: (reason) => this.publisher.publish(reason),
      acknowledged: (version) => this.fleet.acknowledged(version),
      lease: {
        renew: (input) => this.renew(input),
        end: (rolloutId, reason) => this.leases.end(rolloutId, reason),
      },
      held: (rolloutId) => this.store.held(rolloutId),
      artifactFault: (modelVersionId) => this.targets.artifactFault(modelVersionId),
      looks: this.looks,
      shadowSummary: (input) => this.shadows.summarise(input),
      appendIntent: async (intent) => {
        await this.intents.append(intent);
      },
      now: () => Date.now(),
    };
  }

  claimPorts(): ClaimPorts {
    return { claim: (input) => this.claims.claim(input), held: (rolloutId) => this.store.held(rolloutId) };
  }

  pagePorts(): PagePorts {
    return this.pager;
  }

  guardPorts(): GuardPorts {
    return {
      read: (input) => this.guard.read(input, Date.now()),
      renew: (input) => this.renew(input),
      now: () => Date.now(),
    };
  }

  private async renew(input: { rolloutId: string; stage: number; shareBps: number; seconds: number }): Promise<void> {
    const { rolloutId, stage, shareBps } = input;
    // The rollout's cell, not this process's: a worker serves the rollouts of every cell.
    const cell = (await this.store.find(rolloutId))?.cell ?? this.config.cell;
    await this.leases.renew({ rolloutId, cell, stage, shareBps }, Date.now(), input.seconds * 1000);
  }
}
