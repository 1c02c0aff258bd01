import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import { createApplication } from '../../apps/control-plane/src/application';
import { ControlPlaneConfig } from '../../apps/control-plane/src/config';
import { migrate } from '../../apps/control-plane/src/database/migrate';
import { setLogLevel } from '../../apps/control-plane/src/logger';
import type { RouteIndex } from '../../apps/control-plane/src/route-index';
import { ensureKeys, type Keys } from '../../scripts/setup/keys';
import { freshDatabase } from '../servers';

export const SHIPPED_DIR = path.join(__dirname, '../../apps/bidder-edge/shipped');

/** What a request of a test may say; the answer's body is parsed when it is JSON. */
export interface Call {
  as?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Reply<T = Record<string, unknown>> {
  status: number;
  headers: Record<string, string>;
  body: T;
}

/** The real control plane over a database and a home of its own, driven without a socket. */
export class ControlPlaneHarness {
  private constructor(
    readonly app: NestFastifyApplication,
    readonly routes: RouteIndex,
    readonly config: ControlPlaneConfig,
    readonly keys: Keys,
    private readonly home: string,
  ) {}

  static async start(env: Record<string, string> = {}): Promise<ControlPlaneHarness> {
    const home = mkdtempSync(path.join(tmpdir(), 'adloop-cp-'));
    for (const name of ['keys', 'lake', 'artifacts']) mkdirSync(path.join(home, name));
    const keys = ensureKeys(path.join(home, 'keys'));
    const databaseUrl = env.DATABASE_URL ?? (await freshDatabase());
    setLogLevel(process.env.LOG_LEVEL ?? 'silent');
    await migrate(databaseUrl);
    const config = ControlPlaneConfig.read({
      DATABASE_URL: databaseUrl,
      ADLOOP_HOME: home,
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      KPI_BUCKET_SECONDS: '5',
      ...env,
    });
    const { app, routes } = await createApplication(config);
    return new ControlPlaneHarness(app, routes, config, keys, home);
  }

  get database(): DataSource {
    return this.app.get(DataSource);
  }

  async stop(): Promise<void> {
    await this.app.close();
    rmSync(this.home, { recursive: true, force: true });
  }

  token(name: string): string {
    const token = this.keys.tokens.find((user) => user.name === name)?.token;
    if (!token) throw new Error(`no user ${name}`);
    return token;
  }

  /** `as` is a user of tokens.json (default: root, the admin), 'edge', or 'nobody'. */
  async call<T = Record<string, unknown>>(
    method: string,
    url: string,
    { as = 'root', body, headers }: Call = {},
  ): Promise<Reply<T>> {
    const token = as === 'nobody' ? null : as === 'edge' ? this.edgeToken() : this.token(as);
    const answer = await this.app.inject({
      method: method as 'GET',
      url,
      headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
      ...(body === undefined ? {} : { payload: body as object }),
    });
    const isJson = /\/(problem\+)?json/.test(String(answer.headers['content-type'] ?? ''));
    return {
      status: answer.statusCode,
      headers: Object.fromEntries(Object.entries(answer.headers).map(([name, value]) => [name, String(value)])),
      body: (isJson ? JSON.parse(answer.body) : answer.body) as T,
    };
  }

  private edgeToken(): string {
    return readFileSync(this.keys.edgeTokenFile, 'utf8').trim();
  }
}

/** A campaign that the contract accepts. */
export const campaignInput = (advertiserId: string, overrides: Record<string, unknown> = {}) => ({
  advertiserId,
  name: 'Winter',
  startAt: '2026-01-01T00:00:00Z',
  endAt: '2036-01-01T00:00:00Z',
  timeZone: 'Europe/Berlin',
  dailyBudgetMicros: 10_000_000,
  totalBudgetMicros: 100_000_000,
  goal: { kind: 'cpc', amountMicros: 100_000 },
  bidCapMicros: 5_000_000,
  safeBidMicros: 500_000,
  ...overrides,
});

export const creativeInput = (campaignId: string, overrides: Record<string, unknown> = {}) => ({
  campaignId,
  name: 'Jacket',
  width: 300,
  height: 250,
  markup: '<a href="{CLICK_URL}">x</a>',
  landingUrl: 'https://example.com/landing',
  domains: ['example.com'],
  ...overrides,
});
