import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { ApiProblems } from '../api-docs';
import { type DeadMessage, PostgresMessageQueue } from './postgres-message-queue';

const deadSchema = z.object({
  consumer: z.string(),
  messageId: z.string(),
  topic: z.string(),
  attempts: z.number().int(),
  deadAt: z.string(),
  lastError: z.string(),
});
class DeadMessagesDto extends createZodDto(z.object({ items: z.array(deadSchema) }).meta({ id: 'DeadMessages' })) {}
class RetryDeadDto extends createZodDto(
  z.strictObject({ consumer: z.string().min(1).max(100) }).meta({ id: 'RetryDeadMessages' }),
) {}
class RetriedDto extends createZodDto(z.object({ retried: z.number().int() }).meta({ id: 'RetriedMessages' })) {}

/** Messages that a consumer refused too often. */
@ApiTags('ledger')
@Controller('api/v1/messages/dead')
export class DeadMessagesController {
  constructor(private readonly queue: PostgresMessageQueue) {}

  @Get()
  @ApiProblems('database-unavailable')
  @ZodResponse({ status: 200, description: 'Oldest first, at most 200', type: DeadMessagesDto })
  async list(): Promise<{ items: DeadMessage[] }> {
    return { items: await this.queue.dead() };
  }

  /** Tries the dead messages of a consumer again, once what stopped them is mended. */
  @Post('retry')
  @HttpCode(200)
  @ApiProblems('invalid-input', 'database-unavailable')
  @ZodResponse({ status: 200, description: 'How many are due again', type: RetriedDto })
  async retry(@Body() { consumer }: RetryDeadDto): Promise<RetriedDto> {
    return { retried: await this.queue.retryDead(consumer) };
  }
}
