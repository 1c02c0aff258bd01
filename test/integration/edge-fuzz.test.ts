import { EdgeFuzzer } from '../fixtures/edge-fuzzer';
import { EdgeScene } from '../fixtures/edge-scene';

/** The short form of `npm run test:long`'s fuzzing: the same inputs on every run, on a real edge over HTTP. */
describe('an edge that is sent altered requests and notices', () => {
  let scene: EdgeScene;

  beforeAll(async () => (scene = await EdgeScene.open('edge-fuzz')));
  afterAll(() => scene.close());

  it('answers all of them, none with a 5xx, and takes no altered token', async () => {
    const report = await new EdgeFuzzer({ url: scene.edge.url, seed: 1, cases: 8000, seconds: 60 }).run();
    expect(report.faults).toEqual([]);
    expect(report.cases).toBeGreaterThan(500);
    expect(Object.keys(report.statuses)).toEqual(expect.arrayContaining(['200', '204', '400']));
    const errors = scene.edge.output.split('\n').filter((line) => line.includes('internal error'));
    expect(errors).toEqual([]);
    expect(await scene.bidFor('after the noise')).toBeTruthy();
  });
});
