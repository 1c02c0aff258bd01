import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { agentSchema, forecastSchema } from '#domain/contracts';
import { ApiProblems } from '../api-docs';
import { ForecastScores } from './forecast-scores.service';

const { source, metric } = forecastSchema.shape;
const range = { effect: z.number(), lower: z.number(), upper: z.number() };

/** A forecast beside what the canary found. */
export const forecastScoreSchema = z.object({
  rolloutId: z.string(),
  source,
  metric,
  agent: agentSchema,
  family: z.string(),
  candidateId: z.string(),
  forecast: z.object({ ...range, confidence: z.number() }),
  outcome: z.enum(['scored', 'no-canary', 'not-measured']),
  found: z.object({ ...range, stage: z.number().int(), look: z.number().int(), digest: z.string() }).nullable(),
  scoredAt: z.string(),
});
const groupSchema = z.object({
  family: z.string(),
  agent: agentSchema,
  source,
  metric,
  unscored: z.number().int(),
  quality: z
    .object({
      n: z.number().int(),
      bias: z.number(),
      biasStandardError: z.number().nullable(),
      rmse: z.number(),
      covered: z.number().int(),
      coverage: z.object(range),
      overlapping: z.number().int(),
      wording: z.string(),
    })
    .nullable(),
});

class ForecastsDto extends createZodDto(
  z.object({ groups: z.array(groupSchema), items: z.array(forecastScoreSchema) }).meta({ id: 'Forecasts' }),
) {}
class ForecastQueryDto extends createZodDto(
  z.object({ limit: z.coerce.number().int().min(1).max(1000).default(50) }),
) {}

/** How well the offline gates foresaw what canaries found. */
@ApiTags('evidence')
@Controller('api/v1/forecasts')
export class ForecastsController {
  constructor(private readonly scores: ForecastScores) {}

  /** Quality per family, agent, source and metric over every scored rollout, and the newest scores. */
  @Get()
  @ApiProblems('invalid-input')
  @ZodResponse({ status: 200, description: 'Quality by group; scores newest first', type: ForecastsDto })
  async list(@Query() { limit }: ForecastQueryDto): Promise<ForecastsDto> {
    await this.scores.scoreEnded();
    return { groups: await this.scores.groups(), items: await this.scores.list(limit) };
  }
}
