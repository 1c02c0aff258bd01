import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { encodeWinModelOnnx, decodeWinModelOnnx } from '#domain/learning';
import { openOnnxSession } from '../../activities/onnx-session';
import { ShippedSeed } from '../../apps/control-plane/src/shipped/shipped-seed';
import { TemporalClient } from '../../apps/control-plane/src/temporal/temporal-client';
import { temporalAddress } from '../servers';
import { CliRunner } from './cli-runner';
import { ControlPlaneHarness, SHIPPED_DIR } from './control-plane-harness';

interface Started {
  workflowId: string;
  sha256: string;
}

/** Given a model file from elsewhere; when it is registered; then a bad one is refused by a stable code, a good one meets the gates. */
describe('model register', () => {
  let plane: ControlPlaneHarness;
  let adloop: CliRunner;
  let shipped: Buffer;

  beforeAll(async () => {
    plane = await ControlPlaneHarness.start({
      SHIPPED_DIR,
      TEMPORAL_ADDRESS: temporalAddress(),
      FLEET: `f${process.pid}`,
    });
    await plane.app.get(ShippedSeed).seed();
    adloop = await CliRunner.over(plane);
    const { payload } = JSON.parse(readFileSync(path.join(SHIPPED_DIR, 'snapshot.json'), 'utf8')) as {
      payload: string;
    };
    const { champion } = JSON.parse(payload) as { champion: { bid: { artifact: { sha256: string } } } };
    shipped = readFileSync(path.join(SHIPPED_DIR, 'artifacts', `${champion.bid.artifact.sha256}.onnx`));
  });
  afterAll(() => plane.stop());

  const file = (name: string, content: Uint8Array | object): string => {
    const at = path.join(plane.config.adloopHome, name);
    writeFileSync(at, content instanceof Uint8Array ? content : JSON.stringify(content));
    return at;
  };
  const register = (bytes: Uint8Array, ...args: string[]) =>
    adloop.run('model', 'register', file('model.onnx', bytes), '--agent', 'bid', ...args);
  /** What the runtime makes of a row: vectors as a trainer elsewhere would write them. */
  const vector = async (input: number[]) => {
    const session = await openOnnxSession(shipped);
    try {
      return { input, output: [...(await session.run(Float32Array.from(input), 1))] };
    } finally {
      await session.close();
    }
  };
  const row = (seed: number) => Array.from({ length: 24 }, (_, n) => ((n * 7 + seed) % 5) / 5);

  test('a good model with true vectors starts the imported run, with the vectors among its input', async () => {
    const vectors = [await vector(row(1)), await vector(row(2))];
    const parity = file('parity.json', { vectors });
    const started = await adloop.json<Started>(
      ...['model', 'register', file('good.onnx', shipped), '--agent', 'bid'],
      ...['--parity', parity, '--note', 'trained elsewhere', '--window', '600', '--json'],
    );
    expect(started.workflowId).toMatch(/^retrain\//);
    const handle = plane.app.get(TemporalClient).client.workflow.getHandle(started.workflowId);
    const { events } = await handle.fetchHistory();
    const payload = events![0]!.workflowExecutionStartedEventAttributes!.input!.payloads![0]!.data!;
    expect(JSON.parse(Buffer.from(payload).toString())).toMatchObject({
      ...{ kind: 'imported', agent: 'bid', windowSeconds: 600 },
      imported: { sha256: started.sha256, note: 'trained elsewhere', parity: vectors },
    });
    await handle.terminate('the test has seen enough');
  });

  test('vectors that the runtime does not confirm are refused, each by its place', async () => {
    const right = await vector(row(1));
    const wrong = { ...right, output: [right.output[0]! + 0.01, right.output[1]!] };
    const { code, err } = await register(shipped, '--parity', file('wrong.json', { vectors: [right, wrong] }));
    expect(code).toBe(2);
    expect(err).toMatch(/^invalid-model: 1 fault/);
    expect(err).toMatch(/\/parity\/1\/output: PARITY_MISMATCH: the runtime gives .* off by 0\.0\d+/);
    const short = await register(
      shipped,
      '--parity',
      file('short.json', { vectors: [{ input: [1], output: [1, 2] }] }),
    );
    expect([short.code, short.err]).toEqual([2, expect.stringContaining('/parity/0/input')]);
    expect((await register(shipped, '--parity', file('none.json', {}))).err).toContain('PARITY_FILE');
  });

  test.each<[string, () => Uint8Array, string]>([
    ['no model', () => Buffer.from('<html>not found</html>'), 'ONNX_UNREADABLE'],
    ['an empty file', () => new Uint8Array(), 'ONNX_SIZE'],
    ['five megabytes', () => new Uint8Array(5 << 20), 'ONNX_SIZE'],
    ['half a model', () => shipped.subarray(0, shipped.length / 2), 'ONNX_'],
    ['another input name', () => replaced('features', 'featurez'), 'ONNX_INPUT'],
    [
      'another operator',
      () => replaced('Softplus', 'Bernoull'),
      'ONNX_OPERATOR: operators that are not allowed: Bernoull',
    ],
    ['a weight that is no number', () => poisoned(NaN), 'ONNX_WEIGHTS'],
  ])('%s is refused with a stable code', async (_what, bytes, expected) => {
    const { code, err } = await register(bytes());
    expect(code).toBe(2);
    expect(err).toContain(expected);
  });

  test('a graph that only the runtime finds wrong is refused too', async () => {
    // The name of one weight no longer matches its use: readable, allowed, not runnable.
    const { code, err } = await register(replaced('sigmaMin', 'sigmaMax', 1));
    expect([code, err]).toEqual([2, expect.stringContaining('ONNX_NOT_RUNNABLE')]);
  });

  test('another agent, a missing file and a viewer are refused', async () => {
    const other = await adloop.run('model', 'register', file('m.onnx', shipped), '--agent', 'creative');
    expect([other.code, other.err]).toEqual([2, expect.stringContaining('AGENT_HAS_NO_MODEL')]);
    expect((await adloop.run('model', 'register', '/nowhere.onnx', '--agent', 'bid')).err).toContain(
      'FILE_NOT_READABLE',
    );
    expect(
      (await adloop.run('--as', 'vera', 'model', 'register', file('m.onnx', shipped), '--agent', 'bid')).code,
    ).toBe(4);
  });

  test('registered versions are listed with their gates', async () => {
    const { out } = await adloop.run('model', 'list', '--agent', 'bid');
    expect(out).toMatch(/^model +agent +family +gates/);
    expect(out).toContain('bid-shipped-');
  });

  /** The shipped model with a text replaced by one of the same length, everywhere or once. */
  function replaced(from: string, to: string, times = Infinity): Uint8Array {
    const bytes = Buffer.from(shipped);
    let at = bytes.indexOf(from);
    for (let n = 0; at >= 0 && n < times; n++, at = bytes.indexOf(from, at + 1)) bytes.write(to, at);
    return bytes;
  }
  function poisoned(value: number): Uint8Array {
    const model = decodeWinModelOnnx(shipped);
    model.w2[3] = value;
    return encodeWinModelOnnx(model);
  }
});
