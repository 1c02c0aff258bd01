import { Body, Controller, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { agentSchema } from '#domain/contracts';
import { ApiProblems } from '../api-docs';
import { actorOf } from '../approvals/actor';
import { RollbackService } from './rollback.service';

class RollbackRequestDto extends createZodDto(
  z
    .strictObject({
      agent: agentSchema,
      /** Any earlier version; absent = the last known good one. */
      modelVersionId: z.string().min(1).max(128).optional(),
      reason: z.string().min(1).max(1000),
    })
    .meta({ id: 'RollbackRequest' }),
) {}
class StartedRollbackDto extends createZodDto(z.object({ workflowId: z.string() }).meta({ id: 'StartedRollback' })) {}

/** Back to an earlier version without gates: taking back needs no proof. */
@ApiTags('rollouts')
@Controller('api/v1/rollbacks')
export class RollbacksController {
  constructor(private readonly rollbacks: RollbackService) {}

  @Post()
  @ApiProblems('malformed-request', 'invalid-input', 'unknown-reference', 'temporal-unavailable')
  @ZodResponse({
    status: 202,
    description: 'Started; it ends when the edges have acknowledged',
    type: StartedRollbackDto,
  })
  start(@Body() body: RollbackRequestDto, @Req() request: FastifyRequest): Promise<StartedRollbackDto> {
    return this.rollbacks.start({
      agent: body.agent,
      targetId: body.modelVersionId ?? null,
      reason: body.reason,
      by: actorOf(request),
    });
  }
}
