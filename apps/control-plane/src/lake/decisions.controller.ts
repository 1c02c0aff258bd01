import { Readable } from 'node:stream';
import { Body, Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { OUTCOME_KINDS } from '#domain/contracts/outcome';
import { ApiProblems } from '../api-docs';
import { decodeCursor, pageOf, pageQuerySchema, pageSchema } from '../cursor-page';
import { notFound, ProblemError } from '../problems/problem-error';
import type { ReplayInput } from '../../../../activities/replay-decisions';
import { DecisionReader } from './decision-reader.service';
import { ReplayService } from './replay.service';

const object = z.looseObject({});
const micros = z.number().int();

class RecentBidsDto extends createZodDto(
  pageSchema(
    z.object({
      decisionId: z.string(),
      atMs: z.number().int(),
      exchange: z.string(),
      arm: z.string(),
      campaignId: z.string(),
      creativeId: z.string(),
      bidMicros: micros,
      outcome: z.enum(['open', 'lost', 'won', 'shown', 'clicked', 'converted']),
      priceNanos: micros.nullable(),
    }),
  ).meta({ id: 'RecentBids' }),
) {}

class ExplainedDecisionDto extends createZodDto(
  z
    .object({
      decisionId: z.string(),
      explain: z.string(),
      outcomes: z.array(
        z.object({
          kind: z.enum(OUTCOME_KINDS),
          atMs: z.number().int(),
          priceNanos: micros,
          valueNanos: micros,
          minToWinMicros: z.number().nullable(),
          lossReason: z.number().int().nullable(),
          reservationLive: z.boolean(),
        }),
      ),
      record: object,
    })
    .meta({ id: 'ExplainedDecision' }),
) {}

const exportSchema = z.strictObject({ limit: z.number().int().min(1).max(5000).default(1000) });
class ExportDto extends createZodDto(exportSchema.meta({ id: 'DecisionExport' })) {}

const replaySchema = z.object({
  /** Decision records; only `inputs` is read, outputs are neither needed nor looked at. */
  records: z
    .array(
      z.looseObject({
        decisionId: z.string().min(1).max(128),
        edgeId: z.string().max(128),
        inputs: z.looseObject({
          snapshotId: z.string().min(1),
          nowMs: z.number().int(),
          arm: z.enum(['champion', 'canary']),
          rngCounter: z.number().int(),
          impIndex: z.number().int().min(0),
          request: z.looseObject({ requestId: z.string(), impressions: z.array(object) }),
          candidates: z.array(object),
        }),
      }),
    )
    .min(1)
    .max(1200),
  /** Base64 bytes to use instead of the artifact of that sha256. */
  artifacts: z.record(z.string().regex(/^[0-9a-f]{64}$/), z.base64()).optional(),
});
class ReplayDto extends createZodDto(replaySchema.meta({ id: 'DecisionReplay' })) {}
class ReplayedDto extends createZodDto(
  z
    .object({ outputs: z.array(z.object({ decisionId: z.string(), outputs: object })) })
    .meta({ id: 'ReplayedDecisions' }),
) {}

const trySchema = z.strictObject({ exchange: z.string().min(1).max(64).default('demo'), request: object });
class TryDto extends createZodDto(trySchema.meta({ id: 'DecisionTry' })) {}
class TriedDto extends createZodDto(
  z
    .object({
      snapshotId: z.string(),
      decisions: z.array(z.object({ explain: z.string(), inputs: object, outputs: object })),
    })
    .meta({ id: 'TriedDecisions' }),
) {}

class PageQueryDto extends createZodDto(pageQuerySchema) {}

@ApiTags('decisions')
@Controller('api/v1')
export class DecisionsController {
  constructor(
    private readonly decisions: DecisionReader,
    private readonly replays: ReplayService,
  ) {}

  /** Bids, newest first, with what became of them. */
  @Get('bids/recent')
  @ApiProblems('malformed-request', 'invalid-input')
  @ZodResponse({ status: 200, description: 'A page of bids', type: RecentBidsDto })
  async recentBids(@Query() { limit, cursor }: PageQueryDto) {
    const rows = await this.decisions.recentBids(limit, bidPosition(decodeCursor(cursor)));
    return pageOf(rows, limit, ({ atMs, decisionId }) => `${atMs}|${decisionId}`) as RecentBidsDto;
  }

  /** One decision: its record, its outcomes so far, and why in one sentence. */
  @Get('decisions/:decisionId')
  @ApiProblems('not-found')
  @ZodResponse({ status: 200, description: 'The decision', type: ExplainedDecisionDto })
  async explain(@Param('decisionId') decisionId: string) {
    const found = await this.decisions.explained(decisionId);
    if (!found) throw notFound('decision', decisionId);
    return found as unknown as ExplainedDecisionDto;
  }

  /** The last decisions as JSON lines, whole requests only, newest request first. */
  @Post('decisions/export')
  @HttpCode(200)
  @ApiProblems('invalid-input')
  @ApiProduces('application/x-ndjson')
  @ApiResponse({ status: 200, description: 'One decision record per line' })
  async export(@Body() { limit }: ExportDto, @Res() reply: FastifyReply): Promise<void> {
    const lines = this.decisions.lastRecords(limit);
    const first = await lines.next();
    const body = Readable.from(
      (async function* () {
        if (first.done) return;
        yield `${first.value}\n`;
        for await (const line of lines) yield `${line}\n`;
      })(),
    );
    await reply.code(200).type('application/x-ndjson').send(body);
  }

  /** Decides records again from their inputs and answers the outputs. */
  @Post('decisions/replay')
  @HttpCode(200)
  @ApiProblems('malformed-request', 'invalid-input', 'not-found', 'body-too-large')
  @ZodResponse({ status: 200, description: 'Outputs in the order of the records', type: ReplayedDto })
  async replay(@Body() body: ReplayDto) {
    const outputs = await this.replays.replay(body as unknown as ReplayInput);
    return { outputs } as unknown as ReplayedDto;
  }

  /** What the newest snapshot's champion would bid on an OpenRTB request. Nothing is spent, counted or logged. */
  @Post('decisions/try')
  @HttpCode(200)
  @ApiProblems('malformed-request', 'invalid-input', 'not-ready')
  @ZodResponse({ status: 200, description: 'One decision per impression', type: TriedDto })
  async try(@Body() { exchange, request }: TryDto) {
    return (await this.replays.tryRequest(exchange, request)) as unknown as TriedDto;
  }
}

function bidPosition(cursor: string | null): { atMs: number; decisionId: string } | null {
  if (cursor === null) return null;
  const at = cursor.indexOf('|');
  const atMs = Number(cursor.slice(0, at));
  if (at < 1 || !Number.isSafeInteger(atMs))
    throw new ProblemError('malformed-request', 'The cursor is not one that this API gave.');
  return { atMs, decisionId: cursor.slice(at + 1) };
}
