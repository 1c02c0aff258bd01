import { Module } from '@nestjs/common';
import { ActiveIntents } from './active-intents';

/** The intents that hold; apart from the agents' jobs, because snapshots carry them. */
@Module({ providers: [ActiveIntents], exports: [ActiveIntents] })
export class ActiveIntentsModule {}
