import { performance } from 'node:perf_hooks';
import type { Logger } from './log';
import type { EdgeMetrics } from './metrics';
import type { GroupCommit } from './outbox';
import { paceCampaigns } from './pace-campaigns';
import { watchQuality } from './quality-watch';
import type { LiveSnapshot } from './snapshot';
import { ClockSteps, type ClockOf, type EdgeState, type GrantIntake } from './state';

export interface HousekeepingPorts {
  state: EdgeState;
  commit: GroupCommit;
  intake: GrantIntake;
  metrics: EdgeMetrics;
  log: Logger;
  live(): LiveSnapshot | null;
  /** Answers began, or ceased, to be late or invalid too often. */
  onAlarm(): void;
  /** There is no control plane: the snapshot's daily amounts are all the budget there is. */
  isAlone: boolean;
}

const MOST_EXPIRED = 1000;

/** What an edge does once a second beside bidding: ends what has run out, looks after the disk, steps the pacing. */
export class Housekeeping {
  private readonly steps = new ClockSteps(Date.now, () => performance.now());
  /** Times the pacing was stepped: the version of the state that decisions read. */
  pacingSteps = 0;

  constructor(private readonly ports: HousekeepingPorts) {}

  async run(): Promise<void> {
    const { state, commit, intake, metrics } = this.ports;
    this.followClock();
    const nowMs = Date.now();
    metrics.expired.add(state.expire(nowMs));
    commit.tick();
    intake.retry();
    watchQuality(metrics.quality, this.ports.log, () => this.ports.onAlarm());
    const live = this.ports.live();
    if (live === null) return;
    const clockOf: ClockOf = (campaignId) => live.index.campaignById.get(campaignId)?.clock ?? null;
    this.pacingSteps += 1;
    paceCampaigns(state, live, clockOf, nowMs);
    if (this.ports.isAlone) await this.grantOwnSlices(live, clockOf, nowMs);
  }

  /** Ends bids whose time is over, a few at a time: a second's worth at once would hold every request up. */
  expireBids(): void {
    this.followClock();
    this.ports.metrics.expired.add(this.ports.state.expireBids(Date.now(), MOST_EXPIRED));
  }

  /** Moves every deadline with a wall clock that was set; called as well before deadlines by the new clock come in. */
  followClock(): void {
    const stepMs = this.steps.take();
    if (stepMs === 0) return;
    this.ports.state.onClockStep(stepMs);
    this.ports.metrics.clockSteps.add(1, stepMs > 0 ? 'forward' : 'back');
  }

  private async grantOwnSlices(live: LiveSnapshot, clockOf: ClockOf, nowMs: number): Promise<void> {
    const { state, commit, intake } = this.ports;
    state.forgetClosed(state.ledger.closedGrants());
    if (commit.isFailed) return;
    await intake.take(state.standalone.due(live.snapshot.standaloneGrantNanos, clockOf, nowMs), nowMs);
  }
}
