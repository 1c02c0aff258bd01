import { CliError, EXIT } from './exit-code';
import { patiently } from './patience';

/** A clock that only pauses move. */
function patience(deadlineMs: number) {
  const said: string[] = [];
  let nowMs = 0;
  return {
    said,
    deadlineMs,
    onOutage: (reason: string) => void said.push(`out: ${reason}`),
    onRecovery: () => void said.push('back'),
    now: () => nowMs,
    pause: (ms: number) => {
      nowMs += ms;
      said.push(`${ms}`);
      return Promise.resolve();
    },
  };
}
const outage = () => CliError.passing('CONTROL_PLANE_UNREACHABLE', 'does not answer.');

describe('patience with a control plane that restarts', () => {
  it('asks again at growing pauses, and says once that it waits and once that it goes on', async () => {
    let attempts = 0;
    const calm = patience(60_000);
    const work = () => (++attempts < 7 ? Promise.reject(outage()) : Promise.resolve('answer'));
    expect(await patiently(work, calm)).toBe('answer');
    expect(calm.said).toEqual([
      'out: CONTROL_PLANE_UNREACHABLE: does not answer.',
      ...['500', '1000', '2000', '4000', '5000', '5000'],
      'back',
    ]);
  });

  it('does not repeat what was refused', async () => {
    const refusal = new CliError('forbidden', 'no', EXIT.denied);
    await expect(patiently(() => Promise.reject(refusal), patience(60_000))).rejects.toBe(refusal);
  });

  it('gives up at the deadline with the exit code of a timeout', async () => {
    await expect(patiently(() => Promise.reject(outage()), patience(3000))).rejects.toMatchObject({
      code: 'CONTROL_PLANE_UNREACHABLE',
      exitCode: EXIT.timeout,
    });
  });
});
