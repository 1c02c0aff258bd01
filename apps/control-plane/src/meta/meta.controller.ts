import { Body, Controller, Get, HttpCode, Param, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { agentSchema } from '#domain/contracts';
import { ApiProblems } from '../api-docs';
import { actorOf } from '../approvals/actor';
import { notFound, ProblemError } from '../problems/problem-error';
import { META_COMMANDS, type MetaCommand, MetaService } from './meta.service';

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
});
const NEED_AGENT: readonly string[] = ['kill-agent', 'revive-agent', 'retrain-now'];

class MetaDto extends createZodDto(metaSchema.meta({ id: 'Meta' })) {}
class MetaCommandDto extends createZodDto(commandSchema.meta({ id: 'MetaCommand' })) {}

/** The agent that watches the others: pause, resume, kill-agent, revive-agent, stop-bidding, resume-bidding, retrain-now. */
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
    if (NEED_AGENT.includes(command) && body.agent === undefined) {
      const fault = { pointer: '/agent', code: 'required', detail: `${command} needs an agent` };
      throw new ProblemError('invalid-input', `${fault.detail}.`, [fault]);
    }
    return this.meta.command(command as MetaCommand, actorOf(request), body);
  }
}
