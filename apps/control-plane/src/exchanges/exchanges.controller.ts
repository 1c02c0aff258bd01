import { Body, Controller, Get, Param, Put, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import {
  type Exchange,
  exchangeInputSchema,
  exchangeNameSchema,
  exchangeSettingsSchema,
} from '#domain/contracts/exchange';
import { ApiProblems, ApiWriteCondition } from '../api-docs';
import { ControlPlaneConfig } from '../config';
import { SnapshotPublisher } from '../edges/snapshot-publisher.service';
import { etagOf, writeCondition } from '../etag';
import { ExchangeRepository } from './exchange.repository';

const exchangeSchema = z.object({ ...exchangeSettingsSchema.shape, version: z.number().int().positive() });

class ExchangeInputDto extends createZodDto(exchangeInputSchema.meta({ id: 'ExchangeInput' })) {}
class ExchangeDto extends createZodDto(exchangeSchema.meta({ id: 'Exchange' })) {}
class ExchangeListDto extends createZodDto(z.object({ items: z.array(exchangeSchema) }).meta({ id: 'ExchangeList' })) {}
class ExchangeNameDto extends createZodDto(z.object({ exchange: exchangeNameSchema })) {}

/** Settings of the exchanges that edges bid on; each change is in the next snapshot. */
@ApiTags('exchanges')
@Controller('api/v1/exchanges')
export class ExchangesController {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly database: DataSource,
    private readonly exchanges: ExchangeRepository,
    private readonly publisher: SnapshotPublisher,
  ) {}

  @Get()
  @ApiProblems()
  @ZodResponse({ status: 200, description: 'All exchanges of the cell, by name', type: ExchangeListDto })
  async list(): Promise<{ items: Exchange[] }> {
    return { items: await this.exchanges.list(this.config.cell) };
  }

  @Get(':exchange')
  @ApiProblems('not-found', 'invalid-input')
  @ZodResponse({ status: 200, description: 'The exchange; ETag is its version', type: ExchangeDto })
  async get(
    @Param() { exchange }: ExchangeNameDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Exchange> {
    const found = await this.exchanges.get(this.config.cell, exchange);
    void reply.header('etag', etagOf(found.version));
    return found;
  }

  /** Replaces the settings whole, or adds the exchange. Bids already made are settled by their own price encoding of now. */
  @Put(':exchange')
  @ApiWriteCondition()
  @ApiProblems('malformed-request', 'not-found', 'stale-version', 'invalid-input', 'version-required', 'not-ready')
  @ZodResponse({ status: 200, description: 'The next version; the next snapshot serves it', type: ExchangeDto })
  async put(
    @Param() { exchange }: ExchangeNameDto,
    @Body() input: ExchangeInputDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Exchange> {
    const condition = writeCondition(request);
    const stored = await this.database.transaction((manager) =>
      this.exchanges.put(manager, this.config.cell, exchange, input, condition),
    );
    await this.publisher.publishChange('exchange changed');
    void reply.header('etag', etagOf(stored.version));
    return stored;
  }
}
