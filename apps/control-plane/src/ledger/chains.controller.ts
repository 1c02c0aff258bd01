import { Readable } from 'node:stream';
import { Controller, Get, Res } from '@nestjs/common';
import { ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { CHAIN_NAMES, type ChainName } from '#domain/contracts/hash-chain';
import { ApiProblems } from '../api-docs';
import { DatabaseAccess } from '../database/database-access';
import { ChainReader } from './chain-reader';

const verificationSchema = z.object({
  chain: z.enum(CHAIN_NAMES),
  ok: z.boolean(),
  entries: z.number().int().describe('Entries that fit, from the first'),
  heads: z.number().int(),
  signedUpTo: z.number().int().describe('Last sequence number under a signed head'),
  firstBad: z.object({ seq: z.number().int(), code: z.string(), detail: z.string() }).nullable(),
  appendOnlyByRights: z.boolean().describe('Whether the database itself refuses the application any change of it'),
});
class ChainVerificationDto extends createZodDto(verificationSchema.meta({ id: 'ChainVerification' })) {}

/** Proof that ledger and audit are what was written, and both as lines that `adloop ledger verify --file` checks elsewhere. */
@ApiTags('ledger')
@Controller('api/v1')
export class ChainsController {
  constructor(
    private readonly chains: ChainReader,
    private readonly access: DatabaseAccess,
  ) {}

  @Get('ledger/verification')
  @ApiProblems('database-unavailable')
  @ZodResponse({ status: 200, description: 'Whether every entry is what was written', type: ChainVerificationDto })
  ledger(): Promise<ChainVerificationDto> {
    return this.verify('ledger');
  }

  @Get('audit/verification')
  @ApiProblems('database-unavailable')
  @ZodResponse({ status: 200, description: 'Whether every entry is what was written', type: ChainVerificationDto })
  audit(): Promise<ChainVerificationDto> {
    return this.verify('audit');
  }

  @Get('ledger/export')
  @ApiProblems('database-unavailable')
  @ApiProduces('application/x-ndjson')
  @ApiResponse({ status: 200, description: 'Signed heads, then one entry per line' })
  exportLedger(@Res() reply: FastifyReply): Promise<void> {
    return this.export('ledger', reply);
  }

  @Get('audit/export')
  @ApiProblems('database-unavailable')
  @ApiProduces('application/x-ndjson')
  @ApiResponse({ status: 200, description: 'Signed heads, then one entry per line' })
  exportAudit(@Res() reply: FastifyReply): Promise<void> {
    return this.export('audit', reply);
  }

  private async verify(chain: ChainName): Promise<ChainVerificationDto> {
    const { isAppendOnly } = await this.access.access();
    return { ...(await this.chains.verify(chain)), appendOnlyByRights: isAppendOnly };
  }

  private async export(chain: ChainName, reply: FastifyReply): Promise<void> {
    const heads = await this.chains.heads(chain);
    const { chains } = this;
    const lines = async function* (): AsyncGenerator<string> {
      yield `${JSON.stringify({ type: 'chain', version: 1, chain })}\n`;
      for (const head of heads) yield `${JSON.stringify({ type: 'head', head })}\n`;
      for await (const rows of chains.pages(chain)) {
        yield rows.map((row) => `${JSON.stringify({ type: 'row', row })}\n`).join('');
      }
    };
    await reply.code(200).type('application/x-ndjson').send(Readable.from(lines()));
  }
}
