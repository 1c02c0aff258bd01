import { Module } from '@nestjs/common';
import { TemporalClient } from './temporal-client';

/** The Temporal client; the worker is `worker.ts`. */
@Module({ providers: [TemporalClient], exports: [TemporalClient] })
export class TemporalModule {}
