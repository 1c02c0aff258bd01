import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApplication } from '../../apps/control-plane/src/application';
import { mayCall } from '../../apps/control-plane/src/auth/access.guard';
import { ROLE_TABLE, ROLES } from '../../apps/control-plane/src/auth/role-table';
import { ControlPlaneConfig } from '../../apps/control-plane/src/config';
import { setLogLevel } from '../../apps/control-plane/src/logger';
import { openApiDocument } from '../../apps/control-plane/src/openapi';
import type { RouteIndex } from '../../apps/control-plane/src/route-index';
import { ensureKeys } from '../../scripts/setup/keys';

// Routes, roles and the OpenAPI document need no database: the data source is made but never connected.
jest.mock('../../apps/control-plane/src/database/data-source', () => {
  const real = jest.requireActual<typeof import('../../apps/control-plane/src/database/data-source')>(
    '../../apps/control-plane/src/database/data-source',
  );
  return {
    ...real,
    dataSourceOptions: (url: string) => ({ ...real.dataSourceOptions(url), manualInitialization: true }),
  };
});

jest.mock('../../apps/control-plane/src/database/application-role', () => ({
  applicationAccess: (url: string) => Promise.resolve({ url, options: undefined, isAppendOnly: true, warning: null }),
}));

const GOLDEN = path.join(__dirname, 'openapi.json');

describe('routes of the control plane', () => {
  let app: NestFastifyApplication;
  let routes: RouteIndex;
  let home: string;

  beforeAll(async () => {
    home = mkdtempSync(path.join(tmpdir(), 'adloop-routes-'));
    mkdirSync(path.join(home, 'keys'));
    ensureKeys(path.join(home, 'keys'));
    setLogLevel('silent');
    const config = ControlPlaneConfig.read({
      DATABASE_URL: 'postgres://nobody:x@127.0.0.1:1/none',
      ADLOOP_HOME: home,
      TEMPORAL_ADDRESS: '127.0.0.1:1',
    });
    ({ app, routes } = await createApplication(config));
  });

  afterAll(async () => {
    await app.close();
    rmSync(home, { recursive: true });
  });

  const names = (): string[] =>
    [...new Set(routes.routes().map(({ method, pattern }) => `${method} ${pattern}`))].sort();

  test('every route is in the role table, and the table names no route that is not there', () => {
    // Served past Nest and its guard; public by the table all the same.
    const unguarded = ['GET /openapi.json'];
    expect(names()).toEqual(Object.keys(ROLE_TABLE).sort());
    expect(unguarded.every((route) => ROLE_TABLE[route] === 'public')).toBe(true);
  });

  test('every path of the API and of the edge protocol is in the OpenAPI document, and no other', () => {
    const document = openApiDocument(app);
    const described = Object.entries(document.paths).flatMap(([url, item]) =>
      Object.keys(item as object).map((method) => `${method.toUpperCase()} ${url.replace(/\{(\w+)\}/g, ':$1')}`),
    );
    const expected = names().filter((name) => !/^GET \/(page\/.*|metrics|openapi\.json)?$/.test(name));
    expect(described.sort()).toEqual(expected);
  });

  test('the document is OpenAPI 3.1 and every answer of success has a schema', () => {
    const document = openApiDocument(app);
    expect(document.openapi).toMatch(/^3\.1/);
    const bare = Object.entries(document.paths).flatMap(([url, item]) =>
      Object.entries(item as Record<string, { responses: Record<string, { content?: unknown }> }>)
        .filter(
          ([, operation]) =>
            !Object.entries(operation.responses).some(([status, response]) => /^2/.test(status) && response.content),
        )
        .map(([method]) => `${method.toUpperCase()} ${url}`),
    );
    // One record per line, and no schema language describes lines.
    const lines = ['POST /api/v1/decisions/export', 'GET /api/v1/ledger/export', 'GET /api/v1/audit/export'];
    expect(bare.filter((route) => !lines.includes(route))).toEqual([]);
  });

  test('no two bodies or answers share a name: components are named after their classes', () => {
    const source = path.join(__dirname, '../../apps/control-plane/src');
    const names = readdirSync(source, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.controller.ts'))
      .flatMap((file) => [...readFileSync(path.join(source, file), 'utf8').matchAll(/^class (\w+Dto)\b/gm)])
      // Parameters of a query are no components.
      .map(([, name]) => name!)
      .filter((name) => !name.endsWith('QueryDto'));
    expect(names.length).toBeGreaterThan(30);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });

  test('the document equals the golden file; UPDATE_GOLDEN=1 writes it anew', () => {
    const text = `${JSON.stringify(openApiDocument(app), null, 2)}\n`;
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(GOLDEN, text);
    expect(JSON.parse(text)).toEqual(JSON.parse(readFileSync(GOLDEN, 'utf8')));
  });

  describe('role × route', () => {
    const may = (route: string): string =>
      [...ROLES, 'edge', 'anonymous']
        .filter((who) => {
          const access = ROLE_TABLE[route]!;
          if (who === 'edge') return mayCall({ kind: 'edge', name: 'edge' }, access);
          if (who === 'anonymous') return mayCall({ kind: 'anonymous', name: 'anonymous' }, access);
          return mayCall({ kind: 'user', name: who, role: who as (typeof ROLES)[number] }, access);
        })
        .join(' ');

    test.each([
      ['GET /healthz', 'viewer ad-ops ml-lead release-manager on-call admin edge anonymous'],
      ['GET /', 'viewer ad-ops ml-lead release-manager on-call admin'],
      ['GET /api/v1/status', 'viewer ad-ops ml-lead release-manager on-call admin'],
      ['POST /api/v1/campaigns', 'ad-ops admin'],
      ['PATCH /api/v1/campaigns/:campaignId', 'ad-ops admin'],
      ['PUT /api/v1/exchanges/:exchange', 'ad-ops admin'],
      ['POST /api/v1/training', 'ml-lead admin'],
      ['POST /api/v1/schedules/:name/pause', 'ml-lead release-manager on-call admin'],
      ['POST /api/v1/schedules/:name/resume', 'ml-lead admin'],
      ['POST /api/v1/incidents', 'ml-lead release-manager on-call admin'],
      ['POST /api/v1/incidents/:incidentId/close', 'ml-lead release-manager on-call admin'],
      ['POST /api/v1/rollouts', 'ml-lead release-manager admin'],
      ['POST /api/v1/rollouts/:rolloutId/approvals', 'release-manager admin'],
      ['POST /api/v1/rollouts/:rolloutId/abort', 'ml-lead release-manager on-call admin'],
      ['POST /api/v1/rollbacks', 'release-manager on-call admin'],
      ['POST /api/v1/rejudge', 'ml-lead release-manager on-call admin'],
      ['GET /api/v1/rollouts/:rolloutId/edges', 'viewer ad-ops ml-lead release-manager on-call admin'],
      ['POST /api/v1/rollouts/:rolloutId/promote', 'release-manager admin'],
      ['GET /api/v1/release-holds', 'viewer ad-ops ml-lead release-manager on-call admin'],
      ['POST /api/v1/release-holds/stop', 'ml-lead release-manager on-call admin'],
      ['POST /api/v1/release-holds/resume', 'release-manager on-call admin'],
      ['POST /api/v1/release-holds/freezes', 'release-manager admin'],
      ['POST /api/v1/release-holds/freezes/:freezeId/lift', 'release-manager admin'],
      ['GET /edge/v1/snapshot', 'edge'],
      ['POST /edge/v1/heartbeat', 'edge'],
      ['PUT /edge/v1/segments/:edgeId/:segmentId', 'edge'],
    ])('%s may be called by: %s', (route, expected) => {
      expect(may(route)).toBe(expected);
    });

    test('no route that acts is open to viewers, none of the API to strangers', () => {
      for (const route of Object.keys(ROLE_TABLE)) {
        if (/^(POST|PATCH|PUT|DELETE) \/api\//.test(route) && !/decisions\/(export|replay|try)$/.test(route)) {
          expect(`${route}: ${may(route)}`).not.toMatch(/: .*viewer/);
        }
        if (/ \/(api|edge)\//.test(route)) expect(`${route}: ${may(route)}`).not.toMatch(/anonymous/);
      }
    });
  });
});
