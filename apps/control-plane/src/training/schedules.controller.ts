import { Body, Controller, Get, HttpCode, Param, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { ApiProblems } from '../api-docs';
import { actorOf } from '../approvals/actor';
import { notFound } from '../problems/problem-error';
import { commandSchema } from '../rollouts/rollout-messages';
import { SCHEDULE_NAMES, type ScheduleName } from '../temporal/retrain-schedules';
import { SchedulesService } from './schedules.service';

const scheduleSchema = z.object({
  name: z.enum(SCHEDULE_NAMES),
  paused: z.boolean(),
  note: z.string(),
  overlap: z.string(),
  catchUpSeconds: z.number().int(),
  windowSeconds: z.number().int(),
  nextAt: z.array(z.string()),
  lastAt: z.string().nullable(),
  lastWorkflowIds: z.array(z.string()),
  /** Firings that an outage longer than the catch-up window cost. */
  missed: z.number().int(),
  /** Firings skipped because the tick before still ran. */
  skipped: z.number().int(),
});

class ScheduleDto extends createZodDto(scheduleSchema.meta({ id: 'Schedule' })) {}
class ScheduleListDto extends createZodDto(z.object({ items: z.array(scheduleSchema) }).meta({ id: 'ScheduleList' })) {}
class ScheduleCommandDto extends createZodDto(commandSchema.meta({ id: 'ScheduleCommand' })) {}

/** Retraining by the clock: what fires when, and pausing it. */
@ApiTags('schedules')
@Controller('api/v1/schedules')
export class SchedulesController {
  constructor(private readonly schedules: SchedulesService) {}

  @Get()
  @ApiProblems('conflict', 'temporal-unavailable')
  @ZodResponse({ status: 200, description: 'Daily and weekly retraining', type: ScheduleListDto })
  async list(): Promise<ScheduleListDto> {
    return { items: await this.schedules.list() };
  }

  @Post(':name/pause')
  @HttpCode(200)
  @ApiProblems('not-found', 'invalid-input', 'conflict', 'temporal-unavailable')
  @ZodResponse({ status: 200, description: 'Paused: nothing fires until it is resumed', type: ScheduleDto })
  pause(@Param('name') name: string, @Body() body: ScheduleCommandDto, @Req() request: FastifyRequest) {
    return this.schedules.set(nameOf(name), 'pause', actorOf(request).name, body.reason);
  }

  @Post(':name/resume')
  @HttpCode(200)
  @ApiProblems('not-found', 'invalid-input', 'conflict', 'temporal-unavailable')
  @ZodResponse({ status: 200, description: 'Fires again from its next time on', type: ScheduleDto })
  resume(@Param('name') name: string, @Body() body: ScheduleCommandDto, @Req() request: FastifyRequest) {
    return this.schedules.set(nameOf(name), 'resume', actorOf(request).name, body.reason);
  }
}

function nameOf(name: string): ScheduleName {
  const known = SCHEDULE_NAMES.find((each) => each === name);
  if (known === undefined) throw notFound('schedule', name);
  return known;
}
