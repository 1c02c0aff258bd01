import { EdgeFuzzer } from '../fixtures/edge-fuzzer';
import { EdgeScene } from '../fixtures/edge-scene';
import { figure } from './figure';

const SECONDS = Number(process.env['LONG_FUZZ_SECONDS'] ?? 600);

/** Decoder and notices over HTTP on a real edge, other inputs on every run; the seed is printed. */
test('no altered request or notice crashes an edge, gets a 5xx, hangs or counts', async () => {
  const scene = await EdgeScene.open('edge-fuzz-long');
  const seed = Date.now() % 1_000_000;
  try {
    const report = await new EdgeFuzzer({ url: scene.edge.url, seed, cases: Infinity, seconds: SECONDS }).run();
    const metrics = await (await fetch(`${scene.edge.url}/metrics`)).text();
    const internal = metrics.split('\n').filter((line) => line.startsWith('adloop_edge_internal_errors_total{'));
    figure('edge fuzzing', { seed, seconds: SECONDS, ...report, internal });
    expect(report.faults).toEqual([]);
    expect(internal).toEqual([]);
    expect(await scene.bidFor('after the noise')).toBeTruthy();
  } finally {
    await scene.close();
  }
});
