import { Body, Controller, Headers, Param, Put } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiHeader, ApiTags } from '@nestjs/swagger';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { segmentReceiptSchema, type SegmentReceipt } from '#domain/contracts/edge-protocol';
import { ApiProblems } from '../api-docs';
import { ProblemError } from '../problems/problem-error';
import { SegmentIngestService } from './segment-ingest.service';

/** Ids become file names: nothing but these characters, and no leading dot. */
const id = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);

class SegmentParamsDto extends createZodDto(z.object({ edgeId: id, segmentId: id })) {}
class SegmentReceiptDto extends createZodDto(segmentReceiptSchema.meta({ id: 'SegmentReceipt' })) {}

@ApiTags('edges')
@Controller('edge/v1/segments')
export class SegmentsController {
  constructor(private readonly ingest: SegmentIngestService) {}

  /** Takes a sealed segment of an edge's outbox; the same one again changes nothing. */
  @Put(':edgeId/:segmentId')
  @ApiConsumes('application/octet-stream')
  @ApiBody({ schema: { type: 'string', format: 'binary' } })
  @ApiHeader({ name: 'x-content-sha256', required: true, schema: { type: 'string', pattern: '^[0-9a-f]{64}$' } })
  @ApiProblems(
    'conflict',
    'body-too-large',
    'unsupported-media-type',
    'invalid-input',
    'invalid-segment',
    'database-unavailable',
  )
  @ZodResponse({ status: 200, description: 'Stored, or known already', type: SegmentReceiptDto })
  async put(
    @Param() { edgeId, segmentId }: SegmentParamsDto,
    @Headers('x-content-sha256') sha256: string | undefined,
    @Body() body: unknown,
  ): Promise<SegmentReceipt> {
    if (!Buffer.isBuffer(body)) {
      throw new ProblemError('unsupported-media-type', 'Send the segment as application/octet-stream.');
    }
    return this.ingest.ingest(edgeId, segmentId, sha256 ?? '', body);
  }
}
