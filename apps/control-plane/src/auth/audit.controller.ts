import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { ApiProblems } from '../api-docs';
import { type Page, pageQuerySchema, pageSchema } from '../cursor-page';
import { AccessAudit, type AuditEntry } from './access-audit';

const entrySchema = z.object({
  seq: z.number().int(),
  at: z.string(),
  actor: z.string(),
  method: z.string(),
  path: z.string(),
  code: z.string().describe('Code of the problem that refused it, or `done`'),
  remoteAddress: z.string(),
  previousHash: z.string(),
  hash: z.string(),
});
class AuditPageDto extends createZodDto(pageSchema(entrySchema).meta({ id: 'AuditPage' })) {}
class AuditQueryDto extends createZodDto(pageQuerySchema) {}

/** Who called what: refused attempts, and everything that acted. */
@ApiTags('ledger')
@Controller('api/v1/audit')
export class AuditController {
  constructor(private readonly audit: AccessAudit) {}

  @Get()
  @ApiProblems('malformed-request', 'invalid-input')
  @ZodResponse({ status: 200, description: 'Calls, newest first', type: AuditPageDto })
  list(@Query() query: AuditQueryDto): Promise<Page<AuditEntry>> {
    return this.audit.list(query);
  }
}
