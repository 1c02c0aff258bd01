import { Body, Controller, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { ApiProblems } from '../api-docs';
import { actorOf } from '../approvals/actor';
import { commandSchema, listQuerySchema } from '../rollouts/rollout-messages';
import { ExperimentLookRepository } from './experiment-look.repository';
import {
  experimentSchema,
  experimentViewSchema,
  newExperimentSchema,
  startedExperimentSchema,
} from './experiment-messages';
import { ExperimentRepository } from './experiment.repository';
import { ExperimentService } from './experiment.service';

class NewExperimentDto extends createZodDto(newExperimentSchema.meta({ id: 'NewExperiment' })) {}
class ListQueryDto extends createZodDto(listQuerySchema) {}
class ExperimentCommandDto extends createZodDto(commandSchema.meta({ id: 'ExperimentCommand' })) {}
class ExperimentDto extends createZodDto(experimentSchema.meta({ id: 'Experiment' })) {}
class ExperimentListDto extends createZodDto(
  z.object({ items: z.array(experimentSchema) }).meta({ id: 'ExperimentList' }),
) {}
class ExperimentViewDto extends createZodDto(experimentViewSchema.meta({ id: 'ExperimentView' })) {}
class StartedExperimentDto extends createZodDto(startedExperimentSchema.meta({ id: 'StartedExperiment' })) {}
class ExperimentLookListDto extends createZodDto(
  z.object({ items: z.array(z.record(z.string(), z.unknown())) }).meta({ id: 'ExperimentLookList' }),
) {}
class LookQueryDto extends createZodDto(
  z.object({ limit: z.coerce.number().int().min(1).max(1000).default(100), inputs: z.enum(['0', '1']).default('0') }),
) {}

/** Experiments: registered once, never edited; each command is a durable message to the experiment's workflow. */
@ApiTags('experiments')
@Controller('api/v1/experiments')
export class ExperimentsController {
  constructor(
    private readonly service: ExperimentService,
    private readonly experiments: ExperimentRepository,
    private readonly looks: ExperimentLookRepository,
  ) {}

  @Post()
  @ApiProblems('malformed-request', 'invalid-input', 'invalid-experiment', 'canary-slot-busy', 'temporal-unavailable')
  @ZodResponse({
    status: 202,
    description: 'Registered and started; `power` says what it can find at the traffic of now',
    type: StartedExperimentDto,
  })
  async start(@Body() body: NewExperimentDto, @Req() request: FastifyRequest): Promise<StartedExperimentDto> {
    const { power, ...started } = await this.service.start(body, actorOf(request));
    // JSON has no Infinity.
    const effect = power?.minimalDetectableEffect ?? null;
    const minimalDetectableEffect = effect !== null && Number.isFinite(effect) ? effect : null;
    return { ...started, power: power && { ...power, minimalDetectableEffect } };
  }

  @Get()
  @ApiProblems('invalid-input')
  @ZodResponse({ status: 200, description: 'Newest first', type: ExperimentListDto })
  async list(@Query() query: ListQueryDto): Promise<ExperimentListDto> {
    const items = await this.experiments.list(query.limit);
    return { items: items.map((item) => ({ ...item, latestEvidence: null })) } as unknown as ExperimentListDto;
  }

  /** The experiment with its newest evidence (without the sums behind it) and what it waits for. */
  @Get(':experimentId')
  @ApiProblems('not-found')
  @ZodResponse({ status: 200, description: 'The experiment', type: ExperimentDto })
  async get(@Param('experimentId') experimentId: string): Promise<ExperimentDto> {
    const experiment = await this.service.find(experimentId);
    return { ...experiment, latestEvidence: await this.looks.latest(experimentId) } as unknown as ExperimentDto;
  }

  @Get(':experimentId/looks')
  @ApiProblems('not-found', 'invalid-input')
  @ZodResponse({
    status: 200,
    description: 'Looks, oldest first; `inputs=1` adds the sums behind them',
    type: ExperimentLookListDto,
  })
  async lookList(
    @Param('experimentId') experimentId: string,
    @Query() query: LookQueryDto,
  ): Promise<ExperimentLookListDto> {
    await this.service.find(experimentId);
    const items = await this.looks.list(experimentId, query.limit, query.inputs === '1');
    return { items: items as unknown as Record<string, unknown>[] };
  }

  @Post(':experimentId/abort')
  @HttpCode(200)
  @ApiProblems('not-found', 'invalid-input', 'conflict', 'temporal-unavailable')
  @ZodResponse({ status: 200, description: 'Abort noted; it always wins', type: ExperimentViewDto })
  async abort(
    @Param('experimentId') id: string,
    @Body() body: ExperimentCommandDto,
    @Req() request: FastifyRequest,
  ): Promise<ExperimentViewDto> {
    return { ...(await this.service.command(id, 'abort', actorOf(request), body.reason)) };
  }

  @Post(':experimentId/pause')
  @HttpCode(200)
  @ApiProblems('not-found', 'invalid-input', 'conflict', 'temporal-unavailable')
  @ZodResponse({
    status: 200,
    description: 'Pause noted: both arms go back to the champion until it is resumed',
    type: ExperimentViewDto,
  })
  async pause(
    @Param('experimentId') id: string,
    @Body() body: ExperimentCommandDto,
    @Req() request: FastifyRequest,
  ): Promise<ExperimentViewDto> {
    return { ...(await this.service.command(id, 'pause', actorOf(request), body.reason)) };
  }

  @Post(':experimentId/resume')
  @HttpCode(200)
  @ApiProblems('not-found', 'invalid-input', 'conflict', 'temporal-unavailable')
  @ZodResponse({ status: 200, description: 'Resumed: both arms are served again', type: ExperimentViewDto })
  async resume(
    @Param('experimentId') id: string,
    @Body() body: ExperimentCommandDto,
    @Req() request: FastifyRequest,
  ): Promise<ExperimentViewDto> {
    return { ...(await this.service.command(id, 'resume', actorOf(request), body.reason)) };
  }
}
