import { z } from 'zod';
import { TASK_QUEUES } from '../../../workflows/workflow-ids';

const port = z.coerce.number().int().min(0).max(65_535);

const variables = z.object({
  /** Postgres, `postgres://user:password@host:port/database`. */
  DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'must be a postgres:// URL'),
  /** Who migrates, when DATABASE_URL is a narrower role; unset = DATABASE_URL. */
  DATABASE_OWNER_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must be a postgres:// URL')
    .optional(),
  DATABASE_POOL_SIZE: z.coerce.number().int().min(2).max(200).default(12),
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: port.default(4000),
  /** Holds keys/, lake/ and artifacts/. */
  ADLOOP_HOME: z.string().min(1).default('.adloop'),
  TEMPORAL_ADDRESS: z.string().min(1).default('127.0.0.1:7233'),
  TEMPORAL_NAMESPACE: z.string().min(1).default('default'),
  TEMPORAL_UI_URL: z.url().optional(),
  FLEET: z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/)
    .default('demo'),
  CELL: z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/)
    .default('default'),
  KPI_BUCKET_SECONDS: z.coerce.number().int().min(1).max(86_400).default(300),
  /** A fresh database is seeded from here; unset or empty = it starts empty. */
  SHIPPED_DIR: z.string().default(''),
  /** Comma separated base URLs of the admin ports of the edges, for links only. */
  EDGE_URLS: z.string().default(''),
  /** Temporal worker: readiness and SDK metrics over HTTP (0 = off). */
  WORKER_HEALTH_PORT: port.default(0),
  WORKER_METRICS_PORT: port.default(0),
  /** How long a killed worker's sticky queue delays its successor, milliseconds. */
  WORKER_STICKY_QUEUE_MS: z.coerce.number().int().min(100).max(60_000).default(1000),
  META_TICK_SECONDS: z.coerce.number().int().min(1).max(3600).default(30),
  /** Window of the daily retraining, seconds. */
  TRAINING_WINDOW_SECONDS: z.coerce
    .number()
    .int()
    .min(60)
    .max(90 * 86_400)
    .default(86_400),
  /** Window of the weekly full retraining, seconds. */
  TRAINING_FULL_WINDOW_SECONDS: z.coerce
    .number()
    .int()
    .min(60)
    .max(90 * 86_400)
    .default(7 * 86_400),
  /** Comma separated task queues that this worker serves; unset or empty = all. One agent's learning alone: `agent-bid`. */
  WORKER_QUEUES: z
    .string()
    .default(TASK_QUEUES.join())
    .transform((text) => [...new Set(text.split(',').map((queue) => queue.trim()))])
    .refine((queues) => queues.every((queue) => TASK_QUEUES.includes(queue)), {
      message: `must name queues out of ${TASK_QUEUES.join(', ')}`,
    }),
  /** `auto-upgrade`: Temporal routes tasks to the build that is current (docs/decisions/021); needs CODE_SHA. */
  WORKER_VERSIONING: z.enum(['off', 'auto-upgrade']).default('off'),
  /** Commit this process runs; the lineage of models and every workflow task name it. */
  CODE_SHA: z.string().max(64).default('unknown'),
  /** Scenario of the simulator gate, a JSON file; unset = the one that ships. */
  GATE_SCENARIO: z.string().default('scenarios/story.json'),
  /** Pages are posted here too (https, or http on this machine), signed with the secret when there is one. */
  PAGE_WEBHOOK_URL: z
    .url()
    .regex(/^https:\/\/|^http:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/]/, 'must be https, or http on this machine')
    .optional(),
  PAGE_WEBHOOK_SECRET: z.string().min(16).optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

const environmentSchema = variables.refine((e) => e.WORKER_VERSIONING === 'off' || e.CODE_SHA !== 'unknown', {
  path: ['CODE_SHA'],
  message: 'must be set with WORKER_VERSIONING: it names the build that Temporal routes to',
});

/** Every fault of the environment at once; `main.ts` prints it and exits. */
export class ConfigError extends Error {
  constructor(readonly faults: readonly string[]) {
    super(`The environment is not usable:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/** Settings of the control plane: read once, frozen, injected by type into whatever needs one. */
export class ControlPlaneConfig {
  readonly databaseUrl!: string;
  readonly databaseOwnerUrl!: string;
  readonly databasePoolSize!: number;
  readonly host!: string;
  readonly port!: number;
  readonly adloopHome!: string;
  readonly temporalAddress!: string;
  readonly temporalNamespace!: string;
  readonly temporalUiUrl!: string | null;
  readonly fleet!: string;
  readonly cell!: string;
  readonly kpiBucketSeconds!: number;
  readonly shippedDir!: string | null;
  readonly edgeUrls!: readonly string[];
  readonly worker!: {
    readonly healthPort: number;
    readonly metricsPort: number;
    readonly stickyQueueMs: number;
    readonly metaTickSeconds: number;
    readonly trainingWindowSeconds: number;
    readonly fullWindowSeconds: number;
    readonly queues: readonly string[];
    readonly versioning: 'off' | 'auto-upgrade';
  };
  readonly codeSha!: string;
  readonly gateScenario!: string;
  readonly pageWebhook!: { readonly url: string; readonly secret: string | null } | null;
  readonly logLevel!: string;

  private constructor(values: ControlPlaneConfig.Values) {
    Object.assign(this, values);
    Object.freeze(this);
  }

  /**
   * Reads an environment; this is the only place of the app that does.
   * @throws ConfigError listing every fault.
   */
  static read(environment: NodeJS.ProcessEnv = process.env): ControlPlaneConfig {
    const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
    const parsed = environmentSchema.safeParse(set);
    if (!parsed.success) {
      throw new ConfigError(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
    }
    const e = parsed.data;
    return new ControlPlaneConfig({
      databaseUrl: e.DATABASE_URL,
      databaseOwnerUrl: e.DATABASE_OWNER_URL ?? e.DATABASE_URL,
      databasePoolSize: e.DATABASE_POOL_SIZE,
      host: e.HOST,
      port: e.PORT,
      adloopHome: e.ADLOOP_HOME,
      temporalAddress: e.TEMPORAL_ADDRESS,
      temporalNamespace: e.TEMPORAL_NAMESPACE,
      temporalUiUrl: e.TEMPORAL_UI_URL ?? null,
      fleet: e.FLEET,
      cell: e.CELL,
      kpiBucketSeconds: e.KPI_BUCKET_SECONDS,
      shippedDir: e.SHIPPED_DIR === '' ? null : e.SHIPPED_DIR,
      edgeUrls: Object.freeze(
        e.EDGE_URLS.split(',')
          .map((url) => url.trim())
          .filter((url) => url !== ''),
      ),
      worker: Object.freeze({
        healthPort: e.WORKER_HEALTH_PORT,
        metricsPort: e.WORKER_METRICS_PORT,
        stickyQueueMs: e.WORKER_STICKY_QUEUE_MS,
        metaTickSeconds: e.META_TICK_SECONDS,
        trainingWindowSeconds: e.TRAINING_WINDOW_SECONDS,
        fullWindowSeconds: e.TRAINING_FULL_WINDOW_SECONDS,
        queues: Object.freeze(e.WORKER_QUEUES),
        versioning: e.WORKER_VERSIONING,
      }),
      codeSha: e.CODE_SHA,
      gateScenario: e.GATE_SCENARIO,
      pageWebhook:
        e.PAGE_WEBHOOK_URL === undefined
          ? null
          : Object.freeze({ url: e.PAGE_WEBHOOK_URL, secret: e.PAGE_WEBHOOK_SECRET ?? null }),
      logLevel: e.LOG_LEVEL,
    });
  }

  /** The settings for the log: the databases' passwords and the webhook are left out. */
  redacted(): Record<string, unknown> {
    const { ...values } = this as ControlPlaneConfig.Values;
    const redact = (url: string): string => url.replace(/\/\/([^:/@]+):[^@]*@/, '//$1:***@');
    return {
      ...values,
      pageWebhook: values.pageWebhook === null ? null : '***',
      databaseUrl: redact(this.databaseUrl),
      databaseOwnerUrl: redact(this.databaseOwnerUrl),
    };
  }
}

export namespace ControlPlaneConfig {
  /** The plain values, without the class's methods. */
  export type Values = Omit<ControlPlaneConfig, 'redacted'>;
}
