import { Body, Controller, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { agentSchema } from '#domain/contracts';
import { AUTONOMY_LEVELS } from '#domain/meta';
import { ApiProblems } from '../api-docs';
import { actorOf } from '../approvals/actor';
import { notFound, ProblemError } from '../problems/problem-error';
import { META_COMMANDS, type MetaCommand, MetaService } from './meta.service';

const levelSchema = z.enum(AUTONOMY_LEVELS);
const autonomySchema = z.object({
  level: levelSchema,
  overrideBps: z.number().int(),
  cleanSinceMs: z.number().nullable(),
  accepted: z.number().int(),
});
const proposalSchema = z.object({
  proposalId: z.string(),
  agent: agentSchema,
  /** What it would do: kind weight, retrain or autonomy, and the values of that kind. */
  act: z.looseObject({ kind: z.enum(['weight', 'retrain', 'autonomy']) }),
  reason: z.string(),
  requestedBy: z.string(),
  waitsFor: z.enum(['nobody', 'approval', 'veto']),
  createdAtMs: z.number(),
  endsAtMs: z.number(),
});
const metaSchema = z.object({
  fleet: z.string(),
  paused: z.boolean(),
  ticks: z.number().int(),
  lastTickAtMs: z.number().nullable(),
  quarantined: z.array(agentSchema),
  bidding: z.enum(['running', 'stopped']),
  stoppedBy: z.string().nullable(),
  lastActions: z.array(z.object({ atMs: z.number(), action: z.string(), reason: z.string() })),
  reason: z.string(),
  autonomy: z.record(agentSchema, autonomySchema).optional(),
  proposals: z.array(proposalSchema).optional(),
  alerts: z.array(z.string()).optional(),
  drift: z.string().optional(),
  weights: z.string().optional(),
});
const commandSchema = z.strictObject({
  reason: z.string().min(1).max(1000),
  /** Needed by kill-agent, revive-agent and retrain-now. */
  agent: agentSchema.optional(),
  windowSeconds: z
    .number()
    .int()
    .min(10)
    .max(90 * 86_400)
    .optional(),
  /** Needed by set-weight. */
  campaignId: z.string().min(1).max(64).optional(),
  weight: z.string().min(1).max(64).optional(),
  value: z.number().optional(),
  /** At least one of both is needed by set-autonomy. */
  level: levelSchema.optional(),
  overrideBps: z.number().int().min(0).max(10_000).optional(),
  /** Needed by approve-proposal and veto-proposal. */
  proposalId: z.string().min(1).max(64).optional(),
});
const kpisSchema = z.object({
  revenueNanosPerMille: z.number().nullable(),
  cpaNanos: z.number().nullable(),
  roi: z.number().nullable(),
  spendToPlan: z.number().nullable(),
  winRate: z.number().nullable(),
  ctr: z.number().nullable(),
  repeatExposure: z.number().nullable(),
  fallbackShare: z.number().nullable(),
});
const watchSchema = z.object({
  fromMs: z.number(),
  toMs: z.number(),
  scopes: z.array(
    z.object({
      scope: z.enum(['fleet', 'campaign', 'segment']),
      id: z.string(),
      now: kpisSchema,
      before: kpisSchema,
      alerts: z.array(
        z.object({
          kpi: kpisSchema.keyof(),
          effect: z.number(),
          standardErrors: z.number().nullable(),
          reason: z.string(),
        }),
      ),
    }),
  ),
});
const watchQuerySchema = z.object({
  windowSeconds: z.coerce
    .number()
    .int()
    .min(10)
    .max(7 * 86_400)
    .default(600),
});
/** Fields that a command cannot do without. */
const NEEDED: Partial<Record<MetaCommand, readonly (keyof z.infer<typeof commandSchema>)[]>> = {
  'kill-agent': ['agent'],
  'revive-agent': ['agent'],
  'retrain-now': ['agent'],
  'set-weight': ['campaignId', 'weight', 'value'],
  'set-autonomy': ['agent'],
  'approve-proposal': ['proposalId'],
  'veto-proposal': ['proposalId'],
};

class MetaDto extends createZodDto(metaSchema.meta({ id: 'Meta' })) {}
class MetaCommandDto extends createZodDto(commandSchema.meta({ id: 'MetaCommand' })) {}
class KpiWatchDto extends createZodDto(watchSchema.meta({ id: 'KpiWatch' })) {}
class KpiWatchQueryDto extends createZodDto(watchQuerySchema) {}

/**
 * The agent that watches the others: pause, resume, kill-agent, revive-agent, stop-bidding, resume-bidding, retrain-now, set-weight,
 * set-autonomy, approve-proposal, veto-proposal.
 */
@ApiTags('meta')
@Controller('api/v1/meta')
export class MetaController {
  constructor(private readonly meta: MetaService) {}

  @Get()
  @ApiProblems('conflict', 'temporal-unavailable')
  @ZodResponse({ status: 200, description: 'Its state, as its workflow says it', type: MetaDto })
  get(): Promise<MetaDto> {
    return this.meta.state();
  }

  @Get('kpis')
  @ApiProblems('invalid-input')
  @ZodResponse({ status: 200, description: 'KPIs now and a window before, with alerts', type: KpiWatchDto })
  kpis(@Query() query: KpiWatchQueryDto): Promise<KpiWatchDto> {
    return this.meta.kpis(query.windowSeconds, Date.now());
  }

  @Post(':command')
  @HttpCode(200)
  @ApiProblems('not-found', 'invalid-input', 'four-eyes', 'conflict', 'temporal-unavailable')
  @ZodResponse({ status: 200, description: 'Done; lifting a stop or quarantine needs a second person', type: MetaDto })
  command(
    @Param('command') command: string,
    @Body() body: MetaCommandDto,
    @Req() request: FastifyRequest,
  ): Promise<MetaDto> {
    if (!Object.hasOwn(META_COMMANDS, command)) throw notFound('command', command);
    const missing = (NEEDED[command as MetaCommand] ?? []).filter((field) => body[field] === undefined);
    if (missing.length > 0) {
      const faults = missing.map((field) => ({
        pointer: `/${field}`,
        code: 'required',
        detail: `${command} needs ${field}`,
      }));
      throw new ProblemError('invalid-input', `${command} needs ${missing.join(', ')}.`, faults);
    }
    return this.meta.command(command as MetaCommand, actorOf(request), body);
  }
}
