import { Module } from '@nestjs/common';
import { ModelsController } from '../registry/models.controller';
import { RegistryModule } from '../registry/registry.module';
import { TrainingController } from './training.controller';
import { TrainingModule } from './training.module';

/** API of training runs and of the registry, which a registration of a foreign model joins. */
@Module({ imports: [TrainingModule, RegistryModule], controllers: [TrainingController, ModelsController] })
export class TrainingHttpModule {}
