import { Body, Controller, Get, Param, Patch, Post, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { type Creative, type CreativeInput, creativeInputSchema, creativeSchema } from '#domain/contracts/creative';
import { ApiIdempotent, ApiIfMatch, ApiProblems } from '../api-docs';
import { type Page, pageQuerySchema, pageSchema } from '../cursor-page';
import { SnapshotPublisher } from '../edges/snapshot-publisher.service';
import { etagOf, requiredVersion } from '../etag';
import { IdempotentWrites, sendAnswer } from '../idempotency/idempotent-writes';
import { mergedInput } from '../merged-input';
import { unionDto } from '../union-dto';
import { CreativeRepository } from './creative.repository';

class CreativeInputDto extends unionDto(creativeInputSchema.meta({ id: 'CreativeInput' })) {}
class CreativePatchDto extends createZodDto(z.record(z.string(), z.unknown()).meta({ id: 'CreativePatch' })) {}
class CreativeDto extends unionDto(creativeSchema.meta({ id: 'Creative' })) {}
class CreativePageDto extends createZodDto(pageSchema(creativeSchema).meta({ id: 'CreativePage' })) {}
class CreativeQueryDto extends createZodDto(pageQuerySchema.extend({ campaignId: z.string().max(64).optional() })) {}

@ApiTags('campaigns')
@Controller('api/v1/creatives')
export class CreativesController {
  constructor(
    private readonly database: DataSource,
    private readonly creatives: CreativeRepository,
    private readonly publisher: SnapshotPublisher,
    private readonly writes: IdempotentWrites,
  ) {}

  @Post()
  @ApiIdempotent()
  @ApiProblems('malformed-request', 'invalid-input', 'unknown-reference', 'idempotency-key-reused')
  @ZodResponse({ status: 201, description: 'Made; the next snapshot serves it', type: CreativeDto })
  async create(
    @Body() input: CreativeInputDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Creative> {
    const answer = await this.writes.run(request, async (manager) => {
      const { creative, version } = await this.creatives.create(manager, input as CreativeInput);
      const location = `/api/v1/creatives/${creative.creativeId}`;
      return { status: 201, body: creative, headers: { location, etag: etagOf(version) } };
    });
    await this.publisher.publishChange('creative created');
    return sendAnswer(reply, answer);
  }

  @Get()
  @ApiProblems('malformed-request', 'invalid-input')
  @ZodResponse({ status: 200, description: 'A page by id', type: CreativePageDto })
  list(@Query() query: CreativeQueryDto): Promise<Page<Creative>> {
    return this.creatives.list(query);
  }

  @Get(':creativeId')
  @ApiProblems('not-found')
  @ZodResponse({ status: 200, description: 'The creative; ETag is its version', type: CreativeDto })
  async get(
    @Param('creativeId') creativeId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Creative> {
    const { creative, version } = await this.creatives.get(creativeId);
    void reply.header('etag', etagOf(version));
    return creative;
  }

  /** Members given replace members of the same name, whole; the result must fit the contract. */
  @Patch(':creativeId')
  @ApiIfMatch()
  @ApiProblems(
    'malformed-request',
    'not-found',
    'stale-version',
    'invalid-input',
    'unknown-reference',
    'version-required',
  )
  @ZodResponse({ status: 200, description: 'The next version', type: CreativeDto })
  async change(
    @Param('creativeId') creativeId: string,
    @Body() patch: CreativePatchDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Creative> {
    const based = requiredVersion(request);
    const { creative, version } = await this.database.transaction((manager) =>
      this.creatives.change(manager, creativeId, based, (current) => mergedInput(creativeInputSchema, current, patch)),
    );
    await this.publisher.publishChange('creative changed');
    void reply.header('etag', etagOf(version));
    return creative;
  }
}
