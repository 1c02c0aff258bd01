import { Injectable } from '@nestjs/common';
import type { MetaPorts } from '../../../../activities/meta-activities';
import { SnapshotPublisher } from '../edges/snapshot-publisher.service';
import { KpiRepository } from '../lake/kpi.repository';
import { IntentRepository } from '../ledger/intent.repository';
import { ServingControlRepository } from '../registry/serving-control.repository';
import { CanaryLeases } from '../edges/canary-leases.service';
import { RollbackService } from '../rollouts/rollback.service';
import { TrainingService } from '../training/training.service';

/** Wins and clicks of younger decisions are still on their way: comparing them would look like a drop. */
const OUTCOME_LAG_MS = 30_000;
/** A failing agent is seen in a shorter window than a drop of performance. */
const AGENT_WINDOW_MS = 120_000;

/** What `metaAgent`, `retrainTick` and `rollBackTo` need of the control plane. */
@Injectable()
export class MetaPortsService {
  constructor(
    private readonly kpis: KpiRepository,
    private readonly controls: ServingControlRepository,
    private readonly publisher: SnapshotPublisher,
    private readonly trainings: TrainingService,
    private readonly rollbacks: RollbackService,
    private readonly leases: CanaryLeases,
    private readonly intents: IntentRepository,
  ) {}

  ports(): MetaPorts {
    return {
      fleetHealth: async ({ cell, windowSeconds }, nowMs) => {
        const windowMs = windowSeconds * 1000;
        const matureMs = nowMs - OUTCOME_LAG_MS;
        const [agents, current, previous] = await Promise.all([
          // The champion's agents only: a canary has its own guard and must not quarantine the fleet's agent.
          this.kpis.agentHealth(Math.min(windowMs, AGENT_WINDOW_MS), cell, 'champion', nowMs),
          this.kpis.recentTotals(windowMs, cell, matureMs),
          this.kpis.recentTotals(windowMs, cell, matureMs - windowMs),
        ]);
        const sums = agents.map(({ agent, decisions, fallbacks, errors }) => ({ agent, decisions, fallbacks, errors }));
        return { windowSeconds, agents: sums, current, previous };
      },
      setServing: (input) => this.controls.set(input),
      publish: (reason) => this.publisher.publish(reason),
      startTraining: (input) => this.trainings.start(input),
      rollBack: async (input) => {
        const switched = await this.rollbacks.switchTo(input);
        if (switched.activeRolloutId !== null)
          await this.leases.end(switched.activeRolloutId, input.reason.slice(0, 200));
        return switched;
      },
      appendIntent: async (intent) => {
        await this.intents.append(intent);
      },
      now: () => Date.now(),
    };
  }
}
