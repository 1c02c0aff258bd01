import { Body, Controller, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { ApiProblems } from '../api-docs';
import { actorOf } from '../approvals/actor';
import { ControlPlaneConfig } from '../config';
import { notFound, ProblemError } from '../problems/problem-error';
import { listQuerySchema } from '../rollouts/rollout-messages';
import { IncidentRepository } from './incident.repository';

const incidentSchema = z.object({
  incidentId: z.string(),
  cell: z.string(),
  rolloutId: z.string().nullable(),
  from: z.string(),
  to: z.string().nullable(),
  reason: z.string(),
  openedBy: z.string(),
  openedAt: z.string(),
  closedBy: z.string().nullable(),
});
const openSchema = z.strictObject({
  /** Start; now when absent. May lie in the past. */
  from: z.iso.datetime().optional(),
  /** End; absent while the incident lasts. */
  to: z.iso.datetime().optional(),
  reason: z.string().min(1).max(1000),
});
const closeSchema = z.strictObject({ to: z.iso.datetime().optional() });

class IncidentDto extends createZodDto(incidentSchema.meta({ id: 'Incident' })) {}
class IncidentListDto extends createZodDto(z.object({ items: z.array(incidentSchema) }).meta({ id: 'IncidentList' })) {}
class OpenIncidentDto extends createZodDto(openSchema.meta({ id: 'OpenIncident' })) {}
class CloseIncidentDto extends createZodDto(closeSchema.meta({ id: 'CloseIncident' })) {}
class IncidentQueryDto extends createZodDto(listQuerySchema) {}

/** Incident windows: decisions of these times never train. Windows that are frozen already stay as they are. */
@ApiTags('incidents')
@Controller('api/v1/incidents')
export class IncidentsController {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly incidents: IncidentRepository,
  ) {}

  @Get()
  @ApiProblems('invalid-input')
  @ZodResponse({ status: 200, description: 'Newest first', type: IncidentListDto })
  async list(@Query() query: IncidentQueryDto): Promise<IncidentListDto> {
    return { items: await this.incidents.list(this.config.cell, query.limit) };
  }

  @Post()
  @ApiProblems('malformed-request', 'invalid-input')
  @ZodResponse({ status: 201, description: 'Opened; decisions from then on do not train', type: IncidentDto })
  open(@Body() body: OpenIncidentDto, @Req() request: FastifyRequest): Promise<IncidentDto> {
    const from = body.from === undefined ? new Date() : new Date(body.from);
    const to = body.to === undefined ? null : new Date(body.to);
    if (to !== null && to <= from) throw endsBeforeStart();
    return this.incidents.open({ cell: this.config.cell, from, to, reason: body.reason, by: actorOf(request).name });
  }

  @Post(':incidentId/close')
  @HttpCode(200)
  @ApiProblems('malformed-request', 'not-found', 'invalid-input')
  @ZodResponse({ status: 200, description: 'Ended; one that had ended before stays as it was', type: IncidentDto })
  async close(
    @Param('incidentId') incidentId: string,
    @Body() body: CloseIncidentDto,
    @Req() request: FastifyRequest,
  ): Promise<IncidentDto> {
    const to = body.to === undefined ? new Date() : new Date(body.to);
    const incident = await this.incidents.close(incidentId, to, actorOf(request).name);
    if (incident === null) throw notFound('incident', incidentId);
    if (incident.to === null) throw endsBeforeStart();
    return incident;
  }
}

const endsBeforeStart = (): ProblemError =>
  new ProblemError('invalid-input', 'An incident ends after it starts.', [
    { pointer: '/to', code: 'before-from', detail: 'must be later than the start' },
  ]);
