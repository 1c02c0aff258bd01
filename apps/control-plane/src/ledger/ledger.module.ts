import { Module } from '@nestjs/common';
import { ChainReader } from './chain-reader';
import { IntentRepository } from './intent.repository';
import { WitnessFile } from './witness-file';

const SERVICES = [IntentRepository, ChainReader, WitnessFile];

/** The append-only ledger of intents, for both roots. */
@Module({ providers: SERVICES, exports: SERVICES })
export class LedgerModule {}
