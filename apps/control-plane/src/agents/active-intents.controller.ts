import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { ApiProblems } from '../api-docs';
import { ActiveIntents } from './active-intents';

const intentSchema = z.object({
  kind: z.string(),
  subject: z.string(),
  seq: z.number().int().describe('Its entry in the ledger'),
  action: z.record(z.string(), z.unknown()),
  reason: z.string(),
  expiresAt: z.string().nullable().describe('Null = until replaced'),
});
class ActiveIntentsDto extends createZodDto(z.object({ items: z.array(intentSchema) }).meta({ id: 'ActiveIntents' })) {}

/** What the agents have announced and still mean. */
@ApiTags('ledger')
@Controller('api/v1/intents/active')
export class ActiveIntentsController {
  constructor(private readonly active: ActiveIntents) {}

  @Get()
  @ApiProblems('database-unavailable')
  @ZodResponse({ status: 200, description: 'Intents that hold now', type: ActiveIntentsDto })
  async list(): Promise<ActiveIntentsDto> {
    return { items: await this.active.list(Date.now()) };
  }
}
