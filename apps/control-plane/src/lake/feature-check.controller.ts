import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { ApiProblems } from '../api-docs';
import { FeatureCheckService } from './feature-check.service';

const HOUR_MS = 3_600_000;
/** What edges have not shipped yet would be missed as a difference. */
const SETTLED_MS = 60_000;
const count = z.number().int();

class FeatureCheckQueryDto extends createZodDto(
  z.object({ hours: z.coerce.number().int().min(1).max(168).default(24).describe('How far back') }),
) {}

class FeatureCheckDto extends createZodDto(
  z
    .object({
      fromMs: count,
      toMs: count,
      compared: count.describe('Decisions that knew the history of their user: all, or 10,000 of them'),
      equal: count,
      differences: z
        .array(
          z.object({
            decisionId: z.string(),
            feature: z.string(),
            logged: z.number().nullable(),
            computed: z.number().nullable(),
          }),
        )
        .describe('At most 20'),
      states: z.record(z.string(), count).describe('Decisions by what became of asking for the history'),
    })
    .meta({ id: 'FeatureCheck' }),
) {}

@ApiTags('lake')
@Controller('api/v1/lake')
export class FeatureCheckController {
  constructor(private readonly features: FeatureCheckService) {}

  /** Compares the features of users that edges logged in the last hours with those computed from the lake's outcomes. */
  @Get('features/check')
  @ApiProblems('malformed-request', 'invalid-input', 'database-unavailable')
  @ZodResponse({ status: 200, description: 'What was compared, and what differs', type: FeatureCheckDto })
  async check(@Query() { hours }: FeatureCheckQueryDto) {
    const toMs = Date.now() - SETTLED_MS;
    return this.features.check(toMs - hours * HOUR_MS, toMs);
  }
}
