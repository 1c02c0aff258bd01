import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import type { PolicySnapshot } from '#domain/contracts/policy-snapshot';
import { ApiProblems } from '../api-docs';
import { type Page, pageQuerySchema, pageSchema } from '../cursor-page';
import { EdgeFleet, type EdgeState } from './edge-fleet.service';
import { SnapshotStore, type SnapshotSummary } from './snapshot-store';

/** One edge as it described itself last. */
export const edgeStateSchema = z.object({
  edgeId: z.string(),
  bootId: z.string(),
  live: z.boolean(),
  lastSeenAt: z.string(),
  bootedAt: z.string(),
  snapshotId: z.string().nullable(),
  snapshotVersion: z.number().int().nullable(),
  snapshotSince: z.string().nullable(),
  refusedSnapshot: z.object({ version: z.number(), code: z.string(), detail: z.string() }).nullable(),
  servingCanary: z.object({ rolloutId: z.string(), stage: z.number(), shareBps: z.number() }).nullable(),
  killLevel: z.string(),
  quarantinedAgents: z.array(z.string()),
  counters: z.record(z.string(), z.number()),
  ratesPerSecond: z.record(z.string(), z.number()),
  outboxBytes: z.number(),
});
const snapshotSummarySchema = z.object({
  snapshotId: z.string(),
  version: z.number().int(),
  cell: z.string(),
  reason: z.string(),
  contentSha256: z.string(),
  publishedAt: z.string(),
});

class EdgeListDto extends createZodDto(z.object({ items: z.array(edgeStateSchema) }).meta({ id: 'EdgeList' })) {}
class SnapshotPageDto extends createZodDto(pageSchema(snapshotSummarySchema).meta({ id: 'SnapshotPage' })) {}
class PageQueryDto extends createZodDto(pageQuerySchema) {}

@ApiTags('edges')
@Controller('api/v1')
export class EdgesController {
  constructor(
    private readonly fleet: EdgeFleet,
    private readonly snapshots: SnapshotStore,
  ) {}

  @Get('edges')
  @ApiProblems()
  @ZodResponse({ status: 200, description: 'Edges seen within a day', type: EdgeListDto })
  async edges(): Promise<{ items: EdgeState[] }> {
    return { items: await this.fleet.edges() };
  }

  @Get('snapshots')
  @ApiProblems('malformed-request', 'invalid-input')
  @ZodResponse({ status: 200, description: 'Published snapshots, newest first', type: SnapshotPageDto })
  list(@Query() query: PageQueryDto): Promise<Page<SnapshotSummary>> {
    return this.snapshots.list(query);
  }

  /** Everything that edges serve or served under this id; it never changes. */
  @Get('snapshots/:snapshotId')
  @ApiProblems('not-found')
  @ApiOkResponse({ description: 'PolicySnapshot', schema: { type: 'object', additionalProperties: true } })
  get(@Param('snapshotId') snapshotId: string): Promise<PolicySnapshot> {
    return this.snapshots.snapshot(snapshotId);
  }
}
