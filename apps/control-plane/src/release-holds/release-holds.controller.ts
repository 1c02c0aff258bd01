import { Body, Controller, Get, HttpCode, Param, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { ZoneClock } from '#domain/calendar';
import { ApiProblems } from '../api-docs';
import { actorOf } from '../approvals/actor';
import { ControlPlaneConfig } from '../config';
import { type DeclaredFreeze, ReleaseHolds } from './release-holds.repository';

const reasonSchema = z.string().min(1).max(1000);

const isZone = (timeZone: string): boolean => {
  try {
    return new ZoneClock(timeZone).timeZone === timeZone;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
};

const freezeRequestSchema = z
  .strictObject({
    name: z.string().min(1).max(100),
    reason: reasonSchema,
    from: z.iso.datetime({ offset: true }),
    until: z.iso.datetime({ offset: true }),
    /** IANA zone of the hours of week. */
    timeZone: z.string().max(64).refine(isZone, 'no such time zone').default('UTC'),
    /** Frozen hours of the week, 0 = Monday 00:00; none = all. */
    hoursOfWeek: z.array(z.number().int().min(0).max(167)).max(168).default([]),
  })
  .refine(({ from, until }) => Date.parse(until) > Date.parse(from), {
    path: ['until'],
    message: 'must be after from',
  });

const lineSchema = z.object({
  fleet: z.string(),
  stoppedBy: z.string().nullable(),
  reason: z.string(),
  changedBy: z.string().nullable(),
  changedAt: z.string().nullable(),
});
const freezeSchema = z.object({
  freezeId: z.string(),
  name: z.string(),
  reason: z.string(),
  from: z.string(),
  until: z.string(),
  timeZone: z.string(),
  hoursOfWeek: z.array(z.number().int()),
  declaredBy: z.string(),
});
const holdsSchema = z.object({
  /** Why exposure may not rise now, or null. */
  held: z.string().nullable(),
  line: lineSchema,
  freezes: z.array(freezeSchema),
});

class HoldCommandDto extends createZodDto(z.strictObject({ reason: reasonSchema }).meta({ id: 'HoldCommand' })) {}
class FreezeRequestDto extends createZodDto(freezeRequestSchema.meta({ id: 'FreezeRequest' })) {}
class FreezeDto extends createZodDto(freezeSchema.meta({ id: 'Freeze' })) {}
class ReleaseHoldsDto extends createZodDto(holdsSchema.meta({ id: 'ReleaseHolds' })) {}

/** What blocks increases of exposure in this fleet. Decreases are never blocked. */
@ApiTags('rollouts')
@Controller('api/v1/release-holds')
export class ReleaseHoldsController {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly holds: ReleaseHolds,
  ) {}

  @Get()
  @ApiProblems()
  @ZodResponse({
    status: 200,
    description: 'The line, the freeze calendar, and what they mean now',
    type: ReleaseHoldsDto,
  })
  async get(): Promise<ReleaseHoldsDto> {
    const { fleet } = this.config;
    const nowMs = Date.now();
    const freezes = await this.holds.freezes(fleet, nowMs);
    return {
      held: await this.holds.reason(fleet, nowMs),
      line: await this.holds.line(fleet),
      freezes: freezes.map(freezeOf),
    };
  }

  @Post('stop')
  @HttpCode(200)
  @ApiProblems('invalid-input')
  @ZodResponse({
    status: 200,
    description: 'The line is stopped: no rollout of the fleet gains traffic',
    type: ReleaseHoldsDto,
  })
  async stop(@Body() body: HoldCommandDto, @Req() request: FastifyRequest): Promise<ReleaseHoldsDto> {
    await this.holds.stop(this.config.fleet, actorOf(request).name, body.reason);
    return this.get();
  }

  @Post('resume')
  @HttpCode(200)
  @ApiProblems('invalid-input', 'four-eyes', 'conflict')
  @ZodResponse({ status: 200, description: 'Resumed by somebody else than who stopped it', type: ReleaseHoldsDto })
  async resume(@Body() body: HoldCommandDto, @Req() request: FastifyRequest): Promise<ReleaseHoldsDto> {
    await this.holds.resume(this.config.fleet, actorOf(request).name, body.reason);
    return this.get();
  }

  @Post('freezes')
  @ApiProblems('invalid-input')
  @ZodResponse({ status: 201, description: 'On the freeze calendar', type: FreezeDto })
  async declare(@Body() body: FreezeRequestDto, @Req() request: FastifyRequest): Promise<FreezeDto> {
    const { from, until, ...rest } = body;
    const window = { fromMs: Date.parse(from), untilMs: Date.parse(until) };
    return freezeOf(await this.holds.declare({ ...rest, ...window, fleet: this.config.fleet }, actorOf(request).name));
  }

  @Post('freezes/:freezeId/lift')
  @HttpCode(200)
  @ApiProblems('invalid-input', 'not-found')
  @ZodResponse({ status: 200, description: 'Off the freeze calendar', type: ReleaseHoldsDto })
  async lift(
    @Param('freezeId') freezeId: string,
    @Body() body: HoldCommandDto,
    @Req() request: FastifyRequest,
  ): Promise<ReleaseHoldsDto> {
    await this.holds.lift(this.config.fleet, freezeId, actorOf(request).name, body.reason);
    return this.get();
  }
}

const freezeOf = ({ fromMs, untilMs, hoursOfWeek, ...freeze }: DeclaredFreeze) => ({
  ...freeze,
  from: new Date(fromMs).toISOString(),
  until: new Date(untilMs).toISOString(),
  hoursOfWeek: [...hoursOfWeek],
});
