'use strict';

// Who may import whom. Each rule has a planted violation in test/architecture/arrows.test.ts that must be reported.

const OURS = '^(apps|workflows|activities|domain|scripts|migrations|bench|test)/';

/** A rule that forbids `from` to reach any of our own folders but those that match `allowed`. */
const only = (name, comment, from, allowed) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from, pathNot: '\\.test\\.ts$' },
  to: { path: OURS, pathNot: allowed },
});

module.exports = {
  forbidden: [
    only(
      'console-and-cli-see-contracts-only',
      'They talk to the API; they share its messages.',
      '^apps/(console|cli)/',
      ['^apps/(console|cli)/', '^domain/contracts/'],
    ),
    only('edge-sees-domain-only', 'The edge decides alone.', '^apps/bidder-edge/', ['^apps/bidder-edge/', '^domain/']),
    only('simulator-sees-domain-only', 'The simulator has no logic of its own.', '^apps/market-simulator/', [
      '^apps/market-simulator/',
      '^domain/',
    ]),
    only('domain-sees-domain-only', 'domain/ is pure.', '^domain/', ['^domain/']),
    {
      name: 'domain-uses-no-node',
      comment: 'No Node built-ins in domain/: it also runs in the workflow isolate and in the browser.',
      severity: 'error',
      from: { path: '^domain/', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'domain-uses-no-framework',
      comment: 'domain/ imports three packages: zod (contracts), protobufjs (ONNX files), @iabgpp/cmpapi (US consent).',
      severity: 'error',
      from: { path: '^domain/', pathNot: '\\.test\\.ts$' },
      to: {
        dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg'],
        pathNot: 'node_modules/(zod|protobufjs|@iabgpp/cmpapi)/',
      },
    },
    only('workflows-see-domain-and-activities', 'Workflows decide when.', '^workflows/', [
      '^workflows/',
      '^domain/',
      '^activities/',
    ]),
    {
      name: 'workflows-see-activities-by-type-only',
      comment: 'A value import would pull the activity and its dependencies into the workflow bundle.',
      severity: 'error',
      from: { path: '^workflows/', pathNot: '\\.test\\.ts$' },
      to: { path: '^activities/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'workflows-use-no-node',
      comment: 'The isolate has no Node built-ins.',
      severity: 'error',
      // bundler-options.ts is read by the worker and by tests; it is not part of the bundle.
      from: { path: '^workflows/', pathNot: ['\\.test\\.ts$', '^workflows/bundler-options\\.ts$'] },
      to: { dependencyTypes: ['core'] },
    },
    only(
      'activities-see-domain-only',
      'Ports are declared beside the consumer; the worker joins them.',
      '^activities/',
      ['^activities/', '^domain/'],
    ),
    only('control-plane-sees-domain-workflows-activities', 'Migrations are its own as well.', '^apps/control-plane/', [
      '^apps/control-plane/',
      '^domain/',
      '^workflows/',
      '^activities/',
      '^migrations/',
    ]),
    {
      name: 'apps-never-import-apps',
      comment: 'Apps meet over the network.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'agents-never-import-agents',
      comment: 'Agents meet in domain/coordination, over intents.',
      severity: 'error',
      from: { path: '^domain/agents/([^/]+)/' },
      to: { path: '^domain/agents/[^/]+/', pathNot: '^domain/agents/$1/' },
    },
    {
      name: 'no-cycles',
      comment: 'A reader follows the stations down and never jumps back.',
      severity: 'error',
      from: {},
      // TypeORM entities refer to each other; `import type` cycles vanish at run time.
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that nothing resolves hides every rule above.',
      severity: 'error',
      from: { path: OURS },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|\\.tools|\\.adloop)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    // Without `source`, `#domain/*` resolves to dist/ (or to nothing) and every arrow over it is invisible.
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.cjs', '.json'],
    },
  },
};
