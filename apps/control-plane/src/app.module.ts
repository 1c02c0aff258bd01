import { type DynamicModule, Global, Module } from '@nestjs/common';
import { AgentsHttpModule } from './agents/agents-http.module';
import { AuthModule } from './auth/auth.module';
import { CampaignsHttpModule } from './campaigns/campaigns-http.module';
import { ControlPlaneConfig } from './config';
import { DatabaseModule } from './database/database.module';
import { EdgesModule } from './edges/edges.module';
import { EvidenceModule } from './evidence/evidence.module';
import { ExchangesHttpModule } from './exchanges/exchanges-http.module';
import { ExperimentsHttpModule } from './experiments/experiments-http.module';
import { ExperimentsModule } from './experiments/experiments.module';
import { HealthModule } from './health/health.module';
import { IdempotencyModule } from './idempotency/idempotency.module';
import { InvoicesHttpModule } from './invoices/invoices-http.module';
import { LakeHttpModule } from './lake/lake-http.module';
import { LakeModule } from './lake/lake.module';
import { LedgerHttpModule } from './ledger/ledger-http.module';
import { LedgerModule } from './ledger/ledger.module';
import { MetaHttpModule } from './meta/meta-http.module';
import { RegistryModule } from './registry/registry.module';
import { RolloutsHttpModule } from './rollouts/rollouts-http.module';
import { RolloutsModule } from './rollouts/rollouts.module';
import { ShippedModule } from './shipped/shipped.module';
import { StatusModule } from './status/status.module';
import { TemporalModule } from './temporal/temporal.module';
import { TrainingHttpModule } from './training/training-http.module';
import { TrainingModule } from './training/training.module';

/** Makes the settings injectable everywhere. */
@Global()
@Module({})
class ConfigModule {
  static of(config: ControlPlaneConfig): DynamicModule {
    return {
      module: ConfigModule,
      providers: [{ provide: ControlPlaneConfig, useValue: config }],
      exports: [ControlPlaneConfig],
    };
  }
}

/** Process roots over this tree: the API (with the jobs that belong beside it) and the Temporal worker. */
export type Root = 'http' | 'worker';

/** Stations that both roots have, in the order of the loop. A module exports its services as plain classes. */
const STATIONS = [
  DatabaseModule,
  EdgesModule,
  LakeModule,
  RegistryModule,
  TrainingModule,
  RolloutsModule,
  ExperimentsModule,
  TemporalModule,
  LedgerModule,
];
/** What only the API has: routes, and duties that one process should do. */
const HTTP = [
  AuthModule,
  IdempotencyModule,
  HealthModule,
  CampaignsHttpModule,
  ExchangesHttpModule,
  InvoicesHttpModule,
  LakeHttpModule,
  LedgerHttpModule,
  AgentsHttpModule,
  TrainingHttpModule,
  RolloutsHttpModule,
  ExperimentsHttpModule,
  MetaHttpModule,
  EvidenceModule,
  ShippedModule,
  StatusModule,
];

/** The module tree of both roots, `main.ts` and `worker.ts`. */
@Module({})
export class AppModule {
  static of(config: ControlPlaneConfig, root: Root): DynamicModule {
    return {
      module: AppModule,
      imports: [ConfigModule.of(config), ...STATIONS, ...(root === 'http' ? HTTP : [])],
    };
  }
}
