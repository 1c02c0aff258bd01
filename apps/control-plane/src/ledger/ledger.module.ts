import { Module } from '@nestjs/common';
import { IntentRepository } from './intent.repository';
import { IntentsController } from './intents.controller';

/** The append-only ledger of intents. */
@Module({ controllers: [IntentsController], providers: [IntentRepository], exports: [IntentRepository] })
export class LedgerModule {}
