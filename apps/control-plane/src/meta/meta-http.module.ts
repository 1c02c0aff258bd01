import { Module } from '@nestjs/common';
import { TemporalModule } from '../temporal/temporal.module';
import { MetaController } from './meta.controller';
import { MetaService } from './meta.service';

/** API of the meta-agent. */
@Module({ imports: [TemporalModule], controllers: [MetaController], providers: [MetaService], exports: [MetaService] })
export class MetaHttpModule {}
