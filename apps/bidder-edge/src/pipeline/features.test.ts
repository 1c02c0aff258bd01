import type { PreparedRequest } from '#domain/coordination';
import { Breaker } from '../inference/breaker';
import { infer } from './features';
import type { Received } from './receive';

/** A received request whose champion runs `run`; `budgetMs` is the time until its deadline. */
function scene(run: () => Float32Array | Promise<Float32Array>, budgetMs = 1000, usedMs = 0) {
  const breaker = new Breaker();
  const arrivedAtMs = performance.now() - usedMs;
  const model = { sha256: 'x', engineFor: () => 'onnx', run, close: () => Promise.resolve() };
  const received = {
    live: { models: { champion: { model, breaker }, canary: null } },
    arrivedAtMs,
    deadlineMs: arrivedAtMs + budgetMs,
  } as unknown as Received;
  const prepared = {
    rows: new Float32Array(24),
    rowCount: 1,
    context: { arm: 'champion', inferenceMode: 'models', quarantined: [] as string[] },
  } as unknown as PreparedRequest;
  const fallbacks: string[] = [];
  const observer = { onFallback: (_agent: 'bid', reason: string) => void fallbacks.push(reason) };
  return { received, prepared, observer, fallbacks, breaker };
}

describe('inference of one request', () => {
  it('answers the law', async () => {
    const { received, prepared, observer, fallbacks } = scene(() => Promise.resolve(Float32Array.of(0.5, 1)));
    expect(await infer(received, prepared, 0, observer)).toEqual(Float32Array.of(0.5, 1));
    expect(fallbacks).toEqual([]);
  });

  it('answers at once where the model does', () => {
    const { received, prepared, observer } = scene(() => Float32Array.of(0.5, 1));
    expect(infer(received, prepared, 0, observer)).toEqual(Float32Array.of(0.5, 1));
  });

  it.each([
    ['NaN', () => Promise.resolve(Float32Array.of(Number.NaN, 1))],
    ['infinity', () => Promise.resolve(Float32Array.of(0, Number.POSITIVE_INFINITY))],
    ['too few numbers', () => Promise.resolve(Float32Array.of(0))],
    ['an error', () => Promise.reject(new Error('session is gone'))],
    ['NaN at once', () => Float32Array.of(1, Number.NaN)],
    [
      'an error at once',
      () => {
        throw new Error('no weights');
      },
    ],
  ])('falls back on %s and opens the breaker when it repeats', async (_what, run) => {
    const { received, prepared, observer, fallbacks, breaker } = scene(run);
    for (let n = 0; n < 5; n += 1) expect(await infer(received, prepared, n, observer)).toBeNull();
    expect(breaker.isOpen).toBe(true);
    expect(await infer(received, prepared, 6, observer)).toBeNull();
    expect(fallbacks).toEqual(['fault', 'fault', 'fault', 'fault', 'fault', 'breaker']);
    expect(prepared.context.quarantined).toEqual(['bid']);
  });

  it('counts a model that sleeps 50 ms of a usual budget as failing, and opens the breaker', () => {
    const asleep = new Int32Array(new SharedArrayBuffer(4));
    const { received, prepared, observer, fallbacks, breaker } = scene(() => {
      Atomics.wait(asleep, 0, 0, 50);
      return Float32Array.of(0, 1);
    });
    for (let n = 0; n < 5; n += 1) {
      received.arrivedAtMs = performance.now();
      received.deadlineMs = received.arrivedAtMs + 110;
      // Its answer is in time and good: it is used, as long as there is one.
      expect(infer(received, prepared, n, observer)).toEqual(Float32Array.of(0, 1));
    }
    expect(breaker.isOpen).toBe(true);
    expect(infer(received, prepared, 6, observer)).toBeNull();
    expect(fallbacks).toEqual(['breaker']);
  });

  it('runs no model once 60 % of the time is used', async () => {
    const run = jest.fn(() => Promise.resolve(Float32Array.of(0, 1)));
    const { received, prepared, observer, fallbacks } = scene(run, 100, 70);
    expect(await infer(received, prepared, 0, observer)).toBeNull();
    expect(run).not.toHaveBeenCalled();
    expect(fallbacks).toEqual(['deadline']);
  });
});
