import { Controller, Get, Res } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { isMigrated } from '../database/migrate';
import { ProblemError } from '../problems/problem-error';
import { ControlPlaneMetrics } from './control-plane-metrics';

class AliveDto extends createZodDto(z.object({ status: z.literal('ok') })) {}
class ReadyDto extends createZodDto(z.object({ status: z.literal('ready') })) {}

@ApiTags('health')
@Controller()
export class HealthController {
  /** Schema checks cost queries; once migrated, a database stays so under this process. */
  private migrated = false;

  constructor(
    private readonly database: DataSource,
    private readonly metrics: ControlPlaneMetrics,
  ) {}

  /** The process answers. */
  @Get('healthz')
  @ZodResponse({ status: 200, description: 'The process answers', type: AliveDto })
  alive(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** The database answers and has this version's schema. */
  @Get('readyz')
  @ZodResponse({ status: 200, description: 'The database answers and is migrated; else 503', type: ReadyDto })
  async ready(): Promise<{ status: 'ready' }> {
    await this.database.query('SELECT 1');
    this.migrated ||= await isMigrated(this.database);
    if (!this.migrated) throw new ProblemError('not-ready', 'The database lacks migrations of this version.');
    return { status: 'ready' };
  }

  @Get('metrics')
  @ApiExcludeEndpoint()
  async prometheus(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    void reply.type(this.metrics.registry.contentType);
    return this.metrics.registry.metrics();
  }
}
