import { Body, Controller, Get, HttpCode, Param, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { ApiProblems } from '../api-docs';
import { ReleaseService } from '../rollouts/release.service';
import { approvalRequestSchema, rolloutViewSchema } from '../rollouts/rollout-messages';
import { actorOf } from './actor';
import { ApprovalRepository } from './approval.repository';

class ApprovalRequestDto extends createZodDto(approvalRequestSchema.meta({ id: 'ApprovalRequest' })) {}
class ApprovedRolloutDto extends createZodDto(rolloutViewSchema.meta({ id: 'ApprovedRollout' })) {}
class ApprovalListDto extends createZodDto(
  z
    .object({
      items: z.array(
        z.object({
          approvalId: z.string(),
          stage: z.number().int(),
          evidenceDigest: z.string(),
          approver: z.string(),
          decision: z.string(),
          reason: z.string(),
          expiresAt: z.string(),
          recordedAt: z.string(),
        }),
      ),
    })
    .meta({ id: 'ApprovalList' }),
) {}

/** Approvals: bound to the evidence seen, never by the one who asked (the workflow's validator decides). */
@ApiTags('rollouts')
@Controller('api/v1/rollouts/:rolloutId/approvals')
export class ApprovalsController {
  constructor(
    private readonly releases: ReleaseService,
    private readonly approvals: ApprovalRepository,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiProblems('not-found', 'invalid-input', 'four-eyes', 'stale-evidence', 'conflict', 'temporal-unavailable')
  @ZodResponse({ status: 200, description: 'Approved; the rollout goes on', type: ApprovedRolloutDto })
  async approve(
    @Param('rolloutId') rolloutId: string,
    @Body() body: ApprovalRequestDto,
    @Req() request: FastifyRequest,
  ): Promise<ApprovedRolloutDto> {
    return { ...(await this.releases.approve(rolloutId, actorOf(request), body)) };
  }

  @Get()
  @ApiProblems('not-found')
  @ZodResponse({ status: 200, description: 'Who allowed what, on which evidence', type: ApprovalListDto })
  async list(@Param('rolloutId') rolloutId: string): Promise<ApprovalListDto> {
    await this.releases.find(rolloutId);
    return { items: await this.approvals.list(rolloutId) };
  }
}
