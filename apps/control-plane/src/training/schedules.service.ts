import { Injectable } from '@nestjs/common';
import { ControlPlaneConfig } from '../config';
import {
  SCHEDULE_NAMES,
  scheduleId,
  type ScheduleName,
  scheduleState,
  type ScheduleState,
} from '../temporal/retrain-schedules';
import { TemporalClient } from '../temporal/temporal-client';

/** The fleet's retraining schedules, as Temporal holds them. */
@Injectable()
export class SchedulesService {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly temporal: TemporalClient,
  ) {}

  /** @throws ProblemError `temporal-unavailable`; `conflict` before a worker has made the schedules. */
  list(): Promise<ScheduleState[]> {
    return Promise.all(SCHEDULE_NAMES.map((name) => this.read(name)));
  }

  /** Pauses or resumes; the note in Temporal says who and why. Repeating it only changes the note. */
  async set(name: ScheduleName, command: 'pause' | 'resume', by: string, reason: string): Promise<ScheduleState> {
    const note = `${command === 'pause' ? 'paused' : 'resumed'} by ${by}: ${reason}`;
    await this.temporal.call(() => {
      const handle = this.handle(name);
      return command === 'pause' ? handle.pause(note) : handle.unpause(note);
    });
    return this.read(name);
  }

  private async read(name: ScheduleName): Promise<ScheduleState> {
    return scheduleState(name, await this.temporal.call(() => this.handle(name).describe()));
  }

  private handle(name: ScheduleName) {
    return this.temporal.client.schedule.getHandle(scheduleId(name, this.config.fleet));
  }
}
