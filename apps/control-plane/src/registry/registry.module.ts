import { Module } from '@nestjs/common';
import { ArtifactStore } from './artifact-store';
import { ModelIntake } from './model-intake.service';
import { ManifestSealer } from './manifest-sealer';
import { ModelRepository } from './model.repository';
import { PointerRepository } from './pointer.repository';
import { ProductionRepository } from './production.repository';
import { RegistrySeed } from './seed';
import { ServingControlRepository } from './serving-control.repository';
import { ServingSetService } from './serving-set.service';
import { WeightRepository } from './weight.repository';

const SERVICES = [
  ArtifactStore,
  ModelIntake,
  ManifestSealer,
  ModelRepository,
  PointerRepository,
  ProductionRepository,
  ServingControlRepository,
  ServingSetService,
  WeightRepository,
  RegistrySeed,
];

/** Model versions, what points at them, and what a cell serves by it. The API over it is `RegistryHttpModule`. */
@Module({ providers: SERVICES, exports: SERVICES })
export class RegistryModule {}
