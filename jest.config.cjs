'use strict';

// One Jest project per rung (README, "Tests"). `npm test` runs them rung by rung; `npx jest --selectProjects unit` runs one.

/** Swc turns TypeScript into CommonJS; types are checked apart, by tsc. */
const transform = {
  '^.+\\.ts$': [
    '@swc/jest',
    {
      jsc: {
        target: 'es2022',
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
        keepClassNames: true,
      },
      module: { type: 'commonjs' },
      sourceMaps: 'inline',
    },
  ],
};

const shared = {
  rootDir: __dirname,
  transform,
  testEnvironment: '<rootDir>/test/node-environment.cjs',
  // `source` makes `#domain/*` resolve to the TypeScript files rather than to a possibly stale dist/.
  testEnvironmentOptions: { customExportConditions: ['source', 'node', 'node-addons', 'require', 'default'] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.tools/', '<rootDir>/.adloop/'],
};

const rung = (name, testTimeoutMs) => ({
  ...shared,
  displayName: name,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  // Jest ignores `testTimeout` in a project, so the environment hands it to a set-up file.
  testEnvironmentOptions: { ...shared.testEnvironmentOptions, testTimeoutMs },
  setupFilesAfterEnv: ['<rootDir>/test/set-timeout.cjs'],
});

/** Not a rung: writes test/replay/histories anew (scripts/record-histories.ts). */
const recorder = {
  ...rung('replay', 120_000),
  displayName: 'record',
  testMatch: ['<rootDir>/test/replay/*.record.ts'],
};

module.exports = {
  testSequencer: '<rootDir>/test/longest-first.cjs',
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['domain', 'activities', 'apps', 'workflows', 'scripts', 'bench'].map(
        (d) => `<rootDir>/${d}/**/*.test.ts`,
      ),
    },
    rung('contract', 30_000),
    rung('oracle', 120_000),
    rung('workflow', 120_000),
    rung('replay', 120_000),
    {
      ...rung('integration', 180_000),
      // One Postgres and one Temporal server for the whole rung.
      globalSetup: '<rootDir>/test/servers/start.ts',
      globalTeardown: '<rootDir>/test/servers/stop.ts',
    },
    rung('e2e', 600_000),
    rung('console', 300_000),
    rung('architecture', 120_000),
    // By hand: scripts/test-long.ts.
    ...(process.env.LONG_TESTS === '1' ? [rung('long', 3 * 3_600_000)] : []),
    ...(process.env.RECORD_HISTORIES === '1' ? [recorder] : []),
  ],
};
