import { Body, Controller, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { rolloutPlanSchema } from '#domain/contracts';
import { ApiProblems } from '../api-docs';
import { actorOf } from '../approvals/actor';
import { ControlPlaneConfig } from '../config';
import { prefixedId } from '../prefixed-id';
import { notFound, ProblemError } from '../problems/problem-error';
import { commandSchema, listQuerySchema } from '../rollouts/rollout-messages';
import { TrainingRunRepository } from './training-run.repository';
import { TrainingService } from './training.service';
import { windowSecondsSchema } from './window-seconds';

const requestSchema = z.strictObject({
  agent: z.enum(['bid', 'budget']),
  /** Instead of one agent: all of these in parallel in one run, on one window. */
  agents: z
    .array(z.enum(['bid', 'budget']))
    .min(2)
    .max(2)
    .optional(),
  /** Length of the training window, counted back from now. */
  windowSeconds: windowSecondsSchema,
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .optional(),
  hyper: z
    .strictObject({
      epochs: z.number().int().min(1).max(500),
      batchRows: z.number().int().min(8).max(8192),
      learningRate: z.number().gt(0).max(1),
      weightDecay: z.number().min(0).max(1),
      patience: z.number().int().min(1).max(500),
      minRows: z.number().int().min(50),
    })
    .partial()
    .optional(),
  /** When given, a candidate that passes its gates is rolled out at once by this plan. */
  plan: rolloutPlanSchema.optional(),
});
const runSchema = z.object({
  workflowId: z.string(),
  fleet: z.string(),
  agent: z.string(),
  kind: z.string(),
  step: z.string(),
  code: z.string().nullable(),
  candidateId: z.string().nullable(),
  rolloutId: z.string().nullable(),
  requestedBy: z.string(),
  view: z.record(z.string(), z.unknown()),
  /** Fraction, epoch, rows per second and seconds left, by agent; the last that was told. */
  progress: z.record(z.string(), z.record(z.string(), z.unknown())),
  startedAt: z.string(),
  updatedAt: z.string(),
});

class TrainingRequestDto extends createZodDto(requestSchema.meta({ id: 'TrainingRequest' })) {}
class StartedTrainingDto extends createZodDto(z.object({ workflowId: z.string() }).meta({ id: 'StartedTraining' })) {}
class TrainingRunDto extends createZodDto(runSchema.meta({ id: 'TrainingRun' })) {}
class TrainingRunListDto extends createZodDto(
  z.object({ items: z.array(runSchema) }).meta({ id: 'TrainingRunList' }),
) {}
class TrainingViewDto extends createZodDto(z.record(z.string(), z.unknown()).meta({ id: 'TrainingView' })) {}
class ListQueryDto extends createZodDto(listQuerySchema) {}
class CancelDto extends createZodDto(commandSchema.meta({ id: 'CancelTraining' })) {}

/** Training runs. Ids are workflow ids (`retrain/…`), percent-encoded in paths. */
@ApiTags('training')
@Controller('api/v1/training')
export class TrainingController {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly training: TrainingService,
    private readonly runs: TrainingRunRepository,
  ) {}

  @Post()
  @ApiProblems('malformed-request', 'invalid-input', 'temporal-unavailable')
  @ZodResponse({ status: 202, description: 'Started; follow it by its id', type: StartedTrainingDto })
  start(@Body() body: TrainingRequestDto, @Req() request: FastifyRequest): Promise<StartedTrainingDto> {
    const { plan, hyper, ...rest } = body;
    if (plan !== undefined && rest.agents !== undefined) {
      const fault = {
        pointer: '/plan',
        code: 'one-agent',
        detail: 'a rollout changes one agent: train that agent alone',
      };
      throw new ProblemError('invalid-input', fault.detail, [fault]);
    }
    return this.training.start({
      ...rest,
      fleet: this.config.fleet,
      cell: this.config.cell,
      kind: 'manual',
      cutoffMs: Date.now(),
      requestedBy: actorOf(request),
      ...(hyper === undefined ? {} : { hyper }),
      ...(plan === undefined ? {} : { rollout: { rolloutId: prefixedId('rol'), plan } }),
    });
  }

  @Get()
  @ApiProblems('invalid-input')
  @ZodResponse({ status: 200, description: 'Newest first', type: TrainingRunListDto })
  async list(@Query() query: ListQueryDto): Promise<TrainingRunListDto> {
    return { items: await this.runs.list(query.limit) } as unknown as TrainingRunListDto;
  }

  @Get(':workflowId')
  @ApiProblems('not-found')
  @ZodResponse({
    status: 200,
    description: 'The run: its step, gates, candidate, or the code it failed with',
    type: TrainingRunDto,
  })
  async get(@Param('workflowId') workflowId: string): Promise<TrainingRunDto> {
    const run = await this.runs.find(workflowId);
    if (run === null) throw notFound('training run', workflowId);
    return run as unknown as TrainingRunDto;
  }

  @Post(':workflowId/cancel')
  @HttpCode(200)
  @ApiProblems('not-found', 'invalid-input', 'conflict', 'temporal-unavailable')
  @ZodResponse({ status: 200, description: 'Cancelling; the champion stays', type: TrainingViewDto })
  async cancel(@Param('workflowId') workflowId: string, @Body() body: CancelDto, @Req() request: FastifyRequest) {
    if ((await this.runs.find(workflowId)) === null) throw notFound('training run', workflowId);
    return { ...(await this.training.cancel(workflowId, actorOf(request), body.reason)) };
  }
}
