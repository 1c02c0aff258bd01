import { Module } from '@nestjs/common';
import { ExperimentsController } from './experiments.controller';
import { ExperimentsModule } from './experiments.module';

/** API of experiments. */
@Module({ imports: [ExperimentsModule], controllers: [ExperimentsController] })
export class ExperimentsHttpModule {}
