import { readdirSync } from 'node:fs';
import { bundleWorkflowCode, DefaultLogger, makeTelemetryFilterString, Runtime, Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { bundlerOptions } from '../../workflows/bundler-options';
import { SEARCH_ATTRIBUTE_NAMES } from '../../workflows/search-attributes';
import { HISTORIES, readHistory } from './history-file';

/** Code alone: the inline source map is twice as long and grows with every comment. */
const MAX_CODE_BYTES = 1 << 20;
const WORKFLOWS = [
  'meta-agent',
  'retrain-agents',
  'retrain-tick',
  'roll-back-to',
  'roll-out-policy',
  'run-experiment',
  'validate-in-shadow',
];

const names = readdirSync(HISTORIES).filter((name) => name.endsWith('.json'));

let bundle: { code: string; sourceMap: string };
beforeAll(async () => {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    shutdownSignals: [],
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) },
    },
  });
  bundle = await bundleWorkflowCode({ ...bundlerOptions(), logger: new DefaultLogger('ERROR') });
}, 60_000);

const replay = (history: ReturnType<typeof readHistory>) =>
  Worker.runReplayHistory({ workflowBundle: bundle }, history);

describe('recorded histories', () => {
  test('every workflow has one', () => {
    expect(WORKFLOWS.filter((workflow) => !names.some((name) => name.startsWith(`${workflow}.`)))).toEqual([]);
  });

  test.each(names)('%s replays', async (name) => {
    await expect(replay(readHistory(name))).resolves.toBeUndefined();
  });

  test('a history whose workflow did something else is reported', async () => {
    const broken = readHistory('roll-out-policy.promoted.json');
    const claim = broken.events.find(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'claimRollout',
    );
    claim!.activityTaskScheduledEventAttributes!.activityType!.name = 'promoteCandidate';
    await expect(replay(broken)).rejects.toThrow(DeterminismViolationError);
  });
});

describe('workflow bundle', () => {
  const sourcesOf = () => {
    const inline = /sourceMappingURL=data:application\/json;(?:charset=utf-8;)?base64,([A-Za-z0-9+/=]+)/.exec(
      bundle.code,
    );
    const map = JSON.parse(Buffer.from(inline?.[1] ?? '', 'base64').toString('utf8')) as { sources: string[] };
    return map.sources;
  };

  test('is small, and holds no server code and no stale dist/', () => {
    const code = bundle.code.slice(0, bundle.code.lastIndexOf('//# sourceMappingURL='));
    expect(code.length).toBeGreaterThan(0);
    expect(code.length).toBeLessThan(MAX_CODE_BYTES);
    const sources = sourcesOf();
    expect(sources.some((source) => source.includes('domain/rollout/next-step.ts'))).toBe(true);
    const unwanted = sources.filter((source) =>
      /node_modules\/(@nestjs|typeorm|pg|onnxruntime-node|zod)\/|\/dist\/(domain|workflows|activities)\/|\/activities\//.test(
        source,
      ),
    );
    expect(unwanted).toEqual([]);
  });

  test('names every search attribute that the bootstrap registers', () => {
    const set = [...bundle.code.matchAll(/'(Adloop[A-Z][A-Za-z]+)'|"(Adloop[A-Z][A-Za-z]+)"/g)].map(
      (match) => match[1] ?? match[2],
    );
    expect([...new Set(set)].sort()).toEqual([...SEARCH_ATTRIBUTE_NAMES].sort());
  });
});
