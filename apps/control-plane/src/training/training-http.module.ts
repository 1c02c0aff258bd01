import { Module } from '@nestjs/common';
import { IncidentsController } from '../incidents/incidents.controller';
import { IncidentsModule } from '../incidents/incidents.module';
import { ModelsController } from '../registry/models.controller';
import { RegistryModule } from '../registry/registry.module';
import { SchedulesController } from './schedules.controller';
import { TrainingController } from './training.controller';
import { TrainingModule } from './training.module';

/** API of training runs, of what must not train, and of the registry, which a registration of a foreign model joins. */
@Module({
  imports: [TrainingModule, RegistryModule, IncidentsModule],
  controllers: [TrainingController, ModelsController, IncidentsController, SchedulesController],
})
export class TrainingHttpModule {}
