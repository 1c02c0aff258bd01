import { Body, Controller, Get, Param, Post, Query, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { agentSchema, modelManifestSchema, VERDICTS } from '#domain/contracts';
import { FEATURE_COUNT } from '#domain/features';
import { ApiProblems } from '../api-docs';
import { actorOf } from '../approvals/actor';
import { ControlPlaneConfig } from '../config';
import { notFound, ProblemError } from '../problems/problem-error';
import { TrainingService } from '../training/training.service';
import { ArtifactStore } from './artifact-store';
import { LAW_WIDTH, ModelIntake } from './model-intake.service';
import { ModelRepository } from './model.repository';
import { ProductionRepository } from './production.repository';
import { windowSecondsSchema } from '../training/window-seconds';

const modelSchema = z.object({
  modelVersionId: z.string(),
  gatesPassed: z.boolean(),
  createdBy: z.string(),
  manifest: z.object(modelManifestSchema.shape),
});
const importSchema = z.strictObject({
  agent: z.literal('bid'),
  /** The file's bytes. Input `features` [N, 24], output `law` [N, 2]. */
  onnxBase64: z.base64().max(8 << 20),
  /** Length of the window that the gates read, counted back from now. */
  windowSeconds: windowSecondsSchema,
  note: z.string().max(500).default(''),
  /** Rows with what the trainer's own runtime made of them; the edges check them too. Absent: made by running the model here. */
  parity: z
    .array(
      z.strictObject({
        input: z.array(z.number()).length(FEATURE_COUNT),
        output: z.array(z.number()).length(LAW_WIDTH),
      }),
    )
    .min(1)
    .max(64)
    .optional(),
});

class ImportDto extends createZodDto(importSchema.meta({ id: 'ModelImport' })) {}
class ModelDto extends createZodDto(modelSchema.meta({ id: 'Model' })) {}
class ModelListDto extends createZodDto(z.object({ items: z.array(modelSchema) }).meta({ id: 'ModelList' })) {}
class ModelQueryDto extends createZodDto(
  z.object({ agent: agentSchema.optional(), limit: z.coerce.number().int().min(1).max(200).default(50) }),
) {}
class ProductionQueryDto extends createZodDto(
  z.object({ at: z.iso.datetime({ offset: true }).optional(), cell: z.string().min(1).max(40).optional() }),
) {}
class ProductionDto extends createZodDto(
  z
    .object({
      /** The cell asked for; null = every cell. */
      cell: z.string().nullable(),
      at: z.string(),
      items: z.array(
        z.object({
          cell: z.string(),
          agent: agentSchema,
          modelVersionId: z.string(),
          family: z.string(),
          since: z.string(),
          until: z.string().nullable(),
          actor: z.string(),
          reason: z.string(),
          rolloutId: z.string().nullable(),
          requestedBy: z.string().nullable(),
          evidenceDigest: z.string().nullable(),
          evidence: z
            .object({
              stage: z.number().int(),
              look: z.number().int(),
              at: z.string(),
              verdict: z.enum(VERDICTS),
              reason: z.string(),
            })
            .nullable(),
          approvals: z.array(
            z.object({
              approver: z.string(),
              stage: z.number().int(),
              evidenceDigest: z.string(),
              reason: z.string(),
              recordedAt: z.string(),
            }),
          ),
        }),
      ),
    })
    .meta({ id: 'Production' }),
) {}
class StartedImportDto extends createZodDto(
  z.object({ workflowId: z.string(), sha256: z.string() }).meta({ id: 'StartedImport' }),
) {}

/** The registry: immutable versions, and what was bidding when. */
@ApiTags('models')
@Controller('api/v1/models')
export class ModelsController {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly models: ModelRepository,
    private readonly champions: ProductionRepository,
    private readonly artifacts: ArtifactStore,
    private readonly intake: ModelIntake,
    private readonly training: TrainingService,
  ) {}

  /** Registers a model trained elsewhere: inspected at once, then through the same parity check and gates as one of ours. */
  @Post()
  @ApiProblems('malformed-request', 'invalid-input', 'invalid-model', 'temporal-unavailable')
  @ZodResponse({ status: 202, description: 'Checks and gates run; follow the training run', type: StartedImportDto })
  async register(@Body() body: ImportDto, @Req() request: FastifyRequest): Promise<StartedImportDto> {
    const bytes = Buffer.from(body.onnxBase64, 'base64');
    const parity = body.parity ?? null;
    await this.intake.admit(bytes, parity);
    const sha256 = await this.artifacts.put(bytes);
    const { workflowId } = await this.training.start({
      fleet: this.config.fleet,
      cell: this.config.cell,
      agent: body.agent,
      kind: 'imported',
      cutoffMs: Date.now(),
      windowSeconds: body.windowSeconds,
      requestedBy: actorOf(request),
      imported: { sha256, note: body.note, ...(parity && { parity }) },
    });
    return { workflowId, sha256 };
  }

  @Get()
  @ApiProblems('invalid-input')
  @ZodResponse({ status: 200, description: 'Newest first', type: ModelListDto })
  async list(@Query() query: ModelQueryDto): Promise<ModelListDto> {
    const models = await this.models.list({ agent: query.agent, limit: query.limit });
    return {
      items: models.map((model) => ({ modelVersionId: model.manifest.modelVersionId, ...model })),
    } as ModelListDto;
  }

  /** Champions at an instant (now when absent) per cell and agent: who allowed them, on what evidence. */
  @Get('production')
  @ApiProblems('invalid-input')
  @ZodResponse({ status: 200, description: 'One champion per cell and agent', type: ProductionDto })
  async production(@Query() query: ProductionQueryDto): Promise<ProductionDto> {
    const now = new Date();
    const at = query.at === undefined ? now : new Date(query.at);
    if (at > now) {
      const detail = `${at.toISOString()} lies in the future: ask for now or earlier`;
      throw new ProblemError('invalid-input', detail, [{ pointer: '/at', code: 'future', detail }]);
    }
    const cell = query.cell ?? null;
    return { cell, at: at.toISOString(), items: await this.champions.at(at, cell) };
  }

  @Get(':modelVersionId')
  @ApiProblems('not-found')
  @ZodResponse({ status: 200, description: 'The version with its lineage and gates', type: ModelDto })
  async get(@Param('modelVersionId') modelVersionId: string): Promise<ModelDto> {
    const model = await this.models.find(modelVersionId);
    if (model === null) throw notFound('model', modelVersionId);
    return { modelVersionId, ...model } as ModelDto;
  }
}
