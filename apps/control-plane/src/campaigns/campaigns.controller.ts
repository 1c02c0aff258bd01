import { Body, Controller, Get, Param, Patch, Post, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { type Campaign, type CampaignInput, campaignInputSchema } from '#domain/contracts/campaign';
import { ApiIdempotent, ApiIfMatch, ApiProblems } from '../api-docs';
import { type Page, pageQuerySchema, pageSchema } from '../cursor-page';
import { BudgetLedger } from '../edges/budget-ledger.service';
import { SnapshotPublisher } from '../edges/snapshot-publisher.service';
import { etagOf, requiredVersion } from '../etag';
import { IdempotentWrites, sendAnswer } from '../idempotency/idempotent-writes';
import { mergedInput } from '../merged-input';
import { ProblemError } from '../problems/problem-error';
import { CampaignRepository } from './campaign.repository';

const campaignSchema = z.object({
  campaignId: z.string(),
  version: z.number().int().positive(),
  ...campaignInputSchema.shape,
});
/** Members of an input, all optional and without defaults: what a change may hold. */
const patchSchema = z.record(z.string(), z.unknown());

class CampaignInputDto extends createZodDto(campaignInputSchema.meta({ id: 'CampaignInput' })) {}
class CampaignPatchDto extends createZodDto(patchSchema.meta({ id: 'CampaignPatch' })) {}
class CampaignDto extends createZodDto(campaignSchema.meta({ id: 'Campaign' })) {}
class CampaignPageDto extends createZodDto(pageSchema(campaignSchema).meta({ id: 'CampaignPage' })) {}
class PageQueryDto extends createZodDto(pageQuerySchema) {}
class CampaignBudgetDto extends createZodDto(
  z
    .object({
      campaignId: z.string(),
      /** Balances of the double entry, nanos as decimal text. */
      accounts: z.array(z.object({ kind: z.string(), day: z.string().nullable(), balanceNanos: z.string() })),
      openGrants: z.number().int(),
      lateNanos: z.string(),
    })
    .meta({ id: 'CampaignBudget' }),
) {}

@ApiTags('campaigns')
@Controller('api/v1/campaigns')
export class CampaignsController {
  constructor(
    private readonly database: DataSource,
    private readonly campaigns: CampaignRepository,
    private readonly ledger: BudgetLedger,
    private readonly publisher: SnapshotPublisher,
    private readonly writes: IdempotentWrites,
  ) {}

  @Post()
  @ApiIdempotent()
  @ApiProblems('malformed-request', 'invalid-input', 'unknown-reference', 'idempotency-key-reused')
  @ZodResponse({ status: 201, description: 'Made; the next snapshot serves it', type: CampaignDto })
  async create(
    @Body() input: CampaignInputDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Campaign> {
    assertServedCurrency(input);
    const answer = await this.writes.run(request, async (manager) => {
      const made = await this.campaigns.create(manager, input);
      await this.ledger.fund(manager, made.campaignId, made.totalBudgetMicros);
      const location = `/api/v1/campaigns/${made.campaignId}`;
      return { status: 201, body: made, headers: { location, etag: etagOf(made.version) } };
    });
    await this.publisher.publishChange('campaign created');
    return sendAnswer(reply, answer);
  }

  @Get()
  @ApiProblems('malformed-request', 'invalid-input')
  @ZodResponse({ status: 200, description: 'A page by id', type: CampaignPageDto })
  list(@Query() query: PageQueryDto): Promise<Page<Campaign>> {
    return this.campaigns.list(query);
  }

  @Get(':campaignId')
  @ApiProblems('not-found')
  @ZodResponse({ status: 200, description: 'The campaign; ETag is its version', type: CampaignDto })
  async get(
    @Param('campaignId') campaignId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Campaign> {
    const campaign = await this.campaigns.get(campaignId);
    void reply.header('etag', etagOf(campaign.version));
    return campaign;
  }

  /** Members given replace members of the same name, whole; the result must fit the contract. */
  @Patch(':campaignId')
  @ApiIfMatch()
  @ApiProblems('malformed-request', 'not-found', 'stale-version', 'invalid-input', 'version-required', 'conflict')
  @ZodResponse({ status: 200, description: 'The next version', type: CampaignDto })
  async change(
    @Param('campaignId') campaignId: string,
    @Body() patch: CampaignPatchDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Campaign> {
    const based = requiredVersion(request);
    const campaign = await this.database.transaction(async (manager) => {
      const changed = await this.campaigns.change(manager, campaignId, based, (current) => {
        const next = mergedInput(campaignInputSchema, current, patch);
        assertServedCurrency(next);
        return next;
      });
      await this.ledger.fund(manager, campaignId, changed.totalBudgetMicros);
      return changed;
    });
    await this.publisher.publishChange('campaign changed');
    void reply.header('etag', etagOf(campaign.version));
    return campaign;
  }

  /** Where the campaign's money is, by account of the double entry. */
  @Get(':campaignId/budget')
  @ApiProblems('not-found')
  @ZodResponse({ status: 200, description: 'Balances', type: CampaignBudgetDto })
  async budget(@Param('campaignId') campaignId: string): Promise<CampaignBudgetDto> {
    const { campaignId: id } = await this.campaigns.get(campaignId);
    return { campaignId: id, ...(await this.ledger.balances(id)) };
  }
}

/** The fleet's currency is USD; others wait for currency accounts in the budget ledger. */
function assertServedCurrency(input: CampaignInput): void {
  if (input.currency === 'USD') return;
  const fault = { pointer: '/currency', code: 'currency-not-served', detail: 'the fleet serves USD only' };
  throw new ProblemError('invalid-input', '1 fault(s). First: /currency the fleet serves USD only.', [fault]);
}
