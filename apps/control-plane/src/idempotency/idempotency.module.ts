import { Global, Module } from '@nestjs/common';
import { IdempotentWrites } from './idempotent-writes';

/** `IdempotentWrites` for every module that acts on POST. */
@Global()
@Module({ providers: [IdempotentWrites], exports: [IdempotentWrites] })
export class IdempotencyModule {}
