import { Module } from '@nestjs/common';
import { IncidentRepository } from './incident.repository';

/** Incident windows: what must not train. Their API is `TrainingHttpModule`'s. */
@Module({ providers: [IncidentRepository], exports: [IncidentRepository] })
export class IncidentsModule {}
