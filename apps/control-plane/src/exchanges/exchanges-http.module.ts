import { Module } from '@nestjs/common';
import { EdgesModule } from '../edges/edges.module';
import { ExchangeRepository } from './exchange.repository';
import { ExchangesController } from './exchanges.controller';

/** API of exchange settings; each change publishes a snapshot. */
@Module({ imports: [EdgesModule], controllers: [ExchangesController], providers: [ExchangeRepository] })
export class ExchangesHttpModule {}
