import { Body, Controller, Get, HttpCode, Param, Post, Query, Req, Res, StreamableFile } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import {
  heartbeatRequestSchema,
  heartbeatResponseSchema,
  type HeartbeatResponse,
} from '#domain/contracts/edge-protocol';
import { signedSchema, type Signed } from '#domain/contracts/signed';
import { ApiProblems } from '../api-docs';
import { ControlPlaneConfig } from '../config';
import { PostgresNotifications } from '../database/postgres-notifications';
import { etagOf } from '../etag';
import { notFound, ProblemError } from '../problems/problem-error';
import { ArtifactStore } from '../registry/artifact-store';
import { HeartbeatService } from './heartbeat.service';
import { SnapshotStore } from './snapshot-store';

/** Longest long poll, milliseconds: below the 30 s at which proxies commonly give up. */
const MAX_WAIT_MS = 25_000;
/** A missed notification (the listening connection was down) costs at most this much. */
const LOOK_AGAIN_MS = 5_000;

class HeartbeatRequestDto extends createZodDto(heartbeatRequestSchema.meta({ id: 'HeartbeatRequest' })) {}
class HeartbeatResponseDto extends createZodDto(heartbeatResponseSchema.meta({ id: 'HeartbeatResponse' })) {}
class SignedDto extends createZodDto(signedSchema.meta({ id: 'Signed' })) {}
class WaitQueryDto extends createZodDto(
  z.object({ waitMs: z.coerce.number().int().min(0).max(MAX_WAIT_MS).default(0).describe('Long poll') }),
) {}

/** What edges call; they pull everything, nothing is pushed to them. */
@ApiTags('edge')
@ApiBearerAuth()
@Controller('edge/v1')
export class EdgeProtocolController {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly snapshots: SnapshotStore,
    private readonly notifications: PostgresNotifications,
    private readonly artifacts: ArtifactStore,
    private readonly heartbeats: HeartbeatService,
  ) {}

  /** The newest snapshot, signed; 304 when `If-None-Match` names it and nothing newer comes within `waitMs`. */
  @Get('snapshot')
  @ApiProblems('not-ready', 'invalid-input')
  @ApiOkResponse({ description: 'Signed<PolicySnapshot>; 304 when unchanged', type: SignedDto.Output })
  async snapshot(
    @Query() { waitMs }: WaitQueryDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Signed | undefined> {
    const gone = new AbortController();
    request.raw.once('close', () => gone.abort());
    const untilMs = Date.now() + waitMs;
    const known = request.headers['if-none-match'];
    for (;;) {
      const latest = await this.snapshots.latest(this.config.cell);
      if (latest && etagOf(latest.version) !== known) {
        void reply.header('etag', etagOf(latest.version));
        return this.snapshots.signed(latest.version);
      }
      const leftMs = untilMs - Date.now();
      if (leftMs <= 0 || gone.signal.aborted) {
        if (!latest)
          throw new ProblemError('not-ready', 'No snapshot has been published yet.', [], { 'retry-after': '1' });
        void reply.code(304).header('etag', etagOf(latest.version));
        return undefined;
      }
      await this.notifications.waitFor('snapshot', Math.min(leftMs, LOOK_AGAIN_MS), gone.signal);
    }
  }

  /** An artifact's bytes by content hash; they never change. */
  @Get('artifacts/:sha256')
  @ApiProblems('not-found')
  @ApiOkResponse({
    description: 'The bytes',
    content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
  })
  async artifact(
    @Param('sha256') sha256: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    const known = /^[0-9a-f]{64}$/.test(sha256) && (await this.artifacts.has(sha256));
    if (!known) throw notFound('artifact', sha256);
    void reply.header('etag', `"${sha256}"`).header('cache-control', 'private, max-age=31536000, immutable');
    return new StreamableFile(await this.artifacts.get(sha256));
  }

  /** What the edge serves and spent; the answer holds its canary's lease and new grants. */
  @Post('heartbeat')
  @HttpCode(200)
  @ApiProblems('malformed-request', 'invalid-input')
  @ZodResponse({ status: 200, description: 'Lease and grants', type: HeartbeatResponseDto })
  heartbeat(@Body() heartbeat: HeartbeatRequestDto): Promise<HeartbeatResponse> {
    return this.heartbeats.beat(heartbeat);
  }
}
