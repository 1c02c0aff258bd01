import { Body, Controller, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { advertiserInputSchema, type Advertiser } from '#domain/contracts/campaign';
import { ApiIdempotent, ApiProblems } from '../api-docs';
import { type Page, pageQuerySchema, pageSchema } from '../cursor-page';
import { IdempotentWrites, sendAnswer } from '../idempotency/idempotent-writes';
import { AdvertiserRepository } from './advertiser.repository';

const advertiserSchema = z.object({ advertiserId: z.string(), ...advertiserInputSchema.shape });

class AdvertiserInputDto extends createZodDto(advertiserInputSchema.meta({ id: 'AdvertiserInput' })) {}
class AdvertiserDto extends createZodDto(advertiserSchema.meta({ id: 'Advertiser' })) {}
class AdvertiserPageDto extends createZodDto(pageSchema(advertiserSchema).meta({ id: 'AdvertiserPage' })) {}
class PageQueryDto extends createZodDto(pageQuerySchema) {}

@ApiTags('campaigns')
@Controller('api/v1/advertisers')
export class AdvertisersController {
  constructor(
    private readonly advertisers: AdvertiserRepository,
    private readonly writes: IdempotentWrites,
  ) {}

  @Post()
  @ApiIdempotent()
  @ApiProblems('malformed-request', 'invalid-input', 'idempotency-key-reused')
  @ZodResponse({ status: 201, description: 'Made', type: AdvertiserDto })
  async create(
    @Body() input: AdvertiserInputDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Advertiser> {
    const answer = await this.writes.run(request, async (manager) => {
      const made = await this.advertisers.create(manager, input);
      return { status: 201, body: made, headers: { location: `/api/v1/advertisers/${made.advertiserId}` } };
    });
    return sendAnswer(reply, answer);
  }

  @Get()
  @ApiProblems('malformed-request', 'invalid-input')
  @ZodResponse({ status: 200, description: 'A page by id', type: AdvertiserPageDto })
  list(@Query() query: PageQueryDto): Promise<Page<Advertiser>> {
    return this.advertisers.list(query);
  }

  @Get(':advertiserId')
  @ApiProblems('not-found')
  @ZodResponse({ status: 200, description: 'The advertiser', type: AdvertiserDto })
  get(@Param('advertiserId') advertiserId: string): Promise<Advertiser> {
    return this.advertisers.get(advertiserId);
  }
}
