import { Module } from '@nestjs/common';
import { TemporalModule } from '../temporal/temporal.module';
import { MetaModule } from './meta.module';
import { MetaController } from './meta.controller';
import { MetaService } from './meta.service';

/** API of the meta-agent. */
@Module({
  imports: [TemporalModule, MetaModule],
  controllers: [MetaController],
  providers: [MetaService],
  exports: [MetaService],
})
export class MetaHttpModule {}
