import { Body, Controller, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { releaseRequestSchema } from '#domain/contracts';
import { ApiIdempotent, ApiProblems } from '../api-docs';
import { actorOf } from '../approvals/actor';
import { LookRepository } from './look.repository';
import { ReleaseService } from './release.service';
import { RolloutRepository } from './rollout.repository';
import {
  approvalRequestSchema,
  commandSchema,
  listQuerySchema,
  rolloutSchema,
  rolloutViewSchema,
} from './rollout-messages';

/** The plan stays raw here: the linter lists every fault of it, where a schema would hide some behind others. */
const releaseSchema = z.strictObject({ ...releaseRequestSchema.shape, plan: z.record(z.string(), z.unknown()) });
const expectedSecondsSchema = z
  .object({ better: z.number(), worse: z.number() })
  .describe(
    'Mean seconds in canary stages until the rollout ends, for a candidate as much better or worse as the plan is designed to find; ' +
      'approvals not counted. Null where the plan waives feasibility, and where an earlier request began the rollout.',
  );
class ReleaseRequestDto extends createZodDto(releaseSchema.meta({ id: 'ReleaseRequest' })) {}
class ListQueryDto extends createZodDto(listQuerySchema) {}
class CommandDto extends createZodDto(commandSchema.meta({ id: 'OperatorCommand' })) {}
class RolloutDto extends createZodDto(rolloutSchema.meta({ id: 'Rollout' })) {}
class RolloutListDto extends createZodDto(z.object({ items: z.array(rolloutSchema) }).meta({ id: 'RolloutList' })) {}
class RolloutViewDto extends createZodDto(rolloutViewSchema.meta({ id: 'RolloutView' })) {}
class StartedRolloutDto extends createZodDto(
  z
    .object({ rolloutId: z.string(), workflowId: z.string(), expectedSeconds: expectedSecondsSchema.nullable() })
    .meta({ id: 'StartedRollout' }),
) {}
class LookListDto extends createZodDto(
  z.object({ items: z.array(z.record(z.string(), z.unknown())) }).meta({ id: 'LookList' }),
) {}
class LookQueryDto extends createZodDto(
  z.object({ limit: z.coerce.number().int().min(1).max(1000).default(100), inputs: z.enum(['0', '1']).default('0') }),
) {}

class DeliveryDto extends createZodDto(
  z
    .object({
      /** stage, promotion or roll-back. */
      what: z.string().nullable(),
      version: z.number().int().nullable(),
      acknowledged: z.array(z.string()),
      stragglers: z.array(z.string()),
      connected: z.array(z.string()),
      edges: z.array(
        z.object({
          edgeId: z.string(),
          serves: z.boolean(),
          live: z.boolean(),
          snapshotVersion: z.number().int().nullable(),
          refused: z.string().nullable(),
        }),
      ),
    })
    .meta({ id: 'RolloutDelivery' }),
) {}
class FullPromotionDto extends createZodDto(approvalRequestSchema.meta({ id: 'FullPromotion' })) {}
const NO_DELIVERY = { what: null, version: null, acknowledged: [], stragglers: [], connected: [], edges: [] };

/** Releases: each command is a durable message to the rollout's workflow. */
@ApiTags('rollouts')
@Controller('api/v1/rollouts')
export class RolloutsController {
  constructor(
    private readonly releases: ReleaseService,
    private readonly rollouts: RolloutRepository,
    private readonly looks: LookRepository,
  ) {}

  @Post()
  @ApiIdempotent()
  @ApiProblems(
    'malformed-request',
    'invalid-input',
    'invalid-plan',
    'rollout-in-progress',
    'idempotency-key-reused',
    'temporal-unavailable',
  )
  @ZodResponse({
    status: 202,
    description: 'Started; follow it by its id. `expectedSeconds` says how long it takes at the traffic of now',
    type: StartedRolloutDto,
  })
  start(@Body() body: ReleaseRequestDto, @Req() request: FastifyRequest): Promise<StartedRolloutDto> {
    const { modelVersionId, ...release } = body;
    const key = request.headers['idempotency-key'];
    return this.releases.start(
      { ...release, candidateId: modelVersionId },
      actorOf(request),
      typeof key === 'string' && key !== '' ? key : null,
    );
  }

  @Get()
  @ApiProblems('invalid-input')
  @ZodResponse({ status: 200, description: 'Newest first', type: RolloutListDto })
  async list(@Query() query: ListQueryDto): Promise<RolloutListDto> {
    const items = await this.rollouts.list(query.limit);
    return { items: items.map((rollout) => ({ ...rollout, latestEvidence: null })) } as RolloutListDto;
  }

  /** The rollout with its newest evidence (without the sums behind it) and what it waits for. */
  @Get(':rolloutId')
  @ApiProblems('not-found')
  @ZodResponse({ status: 200, description: 'The rollout', type: RolloutDto })
  async get(@Param('rolloutId') rolloutId: string): Promise<RolloutDto> {
    const rollout = await this.releases.find(rolloutId);
    return { ...rollout, latestEvidence: await this.looks.latest(rolloutId) } as unknown as RolloutDto;
  }

  @Get(':rolloutId/looks')
  @ApiProblems('not-found', 'invalid-input')
  @ZodResponse({
    status: 200,
    description: 'Looks, oldest first; `inputs=1` adds the sums behind them',
    type: LookListDto,
  })
  async lookList(@Param('rolloutId') rolloutId: string, @Query() query: LookQueryDto): Promise<LookListDto> {
    await this.releases.find(rolloutId);
    const items = await this.looks.list(rolloutId, query.limit, query.inputs === '1');
    return { items: items as unknown as Record<string, unknown>[] };
  }

  /** The newest version that this rollout published (stage, promotion, roll-back), edge by edge, as the edges say now. */
  @Get(':rolloutId/edges')
  @ApiProblems('not-found')
  @ZodResponse({ status: 200, description: 'Who serves it, who does not', type: DeliveryDto })
  async edges(@Param('rolloutId') rolloutId: string): Promise<DeliveryDto> {
    return (await this.releases.edges(rolloutId)) ?? NO_DELIVERY;
  }

  @Post(':rolloutId/promote')
  @HttpCode(200)
  @ApiProblems('not-found', 'invalid-input', 'four-eyes', 'stale-evidence', 'conflict', 'temporal-unavailable')
  @ZodResponse({ status: 200, description: 'The remaining stages are skipped', type: RolloutViewDto })
  async promote(
    @Param('rolloutId') id: string,
    @Body() body: FullPromotionDto,
    @Req() request: FastifyRequest,
  ): Promise<RolloutViewDto> {
    return { ...(await this.releases.promoteFully(id, actorOf(request), body)) };
  }

  @Post(':rolloutId/abort')
  @HttpCode(200)
  @ApiProblems('not-found', 'invalid-input', 'conflict', 'temporal-unavailable')
  @ZodResponse({ status: 200, description: 'Abort noted; it always wins', type: RolloutViewDto })
  async abort(
    @Param('rolloutId') id: string,
    @Body() body: CommandDto,
    @Req() request: FastifyRequest,
  ): Promise<RolloutViewDto> {
    return { ...(await this.releases.command(id, 'abort', actorOf(request), body.reason)) };
  }

  @Post(':rolloutId/reject')
  @HttpCode(200)
  @ApiProblems('not-found', 'invalid-input', 'conflict', 'temporal-unavailable')
  @ZodResponse({ status: 200, description: 'Rejected', type: RolloutViewDto })
  async reject(
    @Param('rolloutId') id: string,
    @Body() body: CommandDto,
    @Req() request: FastifyRequest,
  ): Promise<RolloutViewDto> {
    return { ...(await this.releases.command(id, 'reject', actorOf(request), body.reason)) };
  }

  @Post(':rolloutId/pause')
  @HttpCode(200)
  @ApiProblems('not-found', 'invalid-input', 'conflict', 'temporal-unavailable')
  @ZodResponse({ status: 200, description: 'Paused: the share is frozen, guard and looks go on', type: RolloutViewDto })
  async pause(
    @Param('rolloutId') id: string,
    @Body() body: CommandDto,
    @Req() request: FastifyRequest,
  ): Promise<RolloutViewDto> {
    return { ...(await this.releases.command(id, 'pause', actorOf(request), body.reason)) };
  }

  @Post(':rolloutId/resume')
  @HttpCode(200)
  @ApiProblems('not-found', 'invalid-input', 'conflict', 'temporal-unavailable')
  @ZodResponse({ status: 200, description: 'Resumed', type: RolloutViewDto })
  async resume(
    @Param('rolloutId') id: string,
    @Body() body: CommandDto,
    @Req() request: FastifyRequest,
  ): Promise<RolloutViewDto> {
    return { ...(await this.releases.command(id, 'resume', actorOf(request), body.reason)) };
  }

  @Post(':rolloutId/rollback')
  @HttpCode(200)
  @ApiProblems('not-found', 'invalid-input', 'conflict', 'temporal-unavailable')
  @ZodResponse({ status: 200, description: 'Roll-back noted', type: RolloutViewDto })
  async rollBack(
    @Param('rolloutId') id: string,
    @Body() body: CommandDto,
    @Req() request: FastifyRequest,
  ): Promise<RolloutViewDto> {
    return { ...(await this.releases.command(id, 'rollBack', actorOf(request), body.reason)) };
  }
}
