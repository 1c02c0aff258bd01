import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { INTENT_KINDS, intentSchema } from '#domain/contracts/intent';
import { ApiProblems } from '../api-docs';
import { type Page, pageQuerySchema, pageSchema } from '../cursor-page';
import type { LedgerEntry } from './append-intent';
import { IntentRepository } from './intent.repository';

const entrySchema = intentSchema.extend({
  seq: z.number().int(),
  recordedAt: z.string(),
  previousHash: z.string(),
  hash: z.string(),
});

class LedgerPageDto extends createZodDto(pageSchema(entrySchema).meta({ id: 'LedgerPage' })) {}
class LedgerQueryDto extends createZodDto(pageQuerySchema.extend({ kind: z.enum(INTENT_KINDS).optional() })) {}

/** The ledger is read here; agents, workflows and operators append to it through what they do. */
@ApiTags('ledger')
@Controller('api/v1/intents')
export class IntentsController {
  constructor(private readonly intents: IntentRepository) {}

  @Get()
  @ApiProblems('malformed-request', 'invalid-input')
  @ZodResponse({ status: 200, description: 'Intents, newest first', type: LedgerPageDto })
  list(@Query() query: LedgerQueryDto): Promise<Page<LedgerEntry>> {
    return this.intents.list(query);
  }
}
