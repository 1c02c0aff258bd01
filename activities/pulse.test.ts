import { jest } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { Context, type Info } from '@temporalio/activity';
import { pulseShortActivities } from './pulse';

/** Runs twelve seconds of work as a worker with the interceptor would; answers how often it heartbeat. */
async function heartbeatsOf(info: Partial<Info>): Promise<number> {
  const environment = new MockActivityEnvironment({ startToCloseTimeoutMs: 30_000, ...info });
  let heartbeats = 0;
  environment.on('heartbeat', () => (heartbeats += 1));
  const done = await environment.run(async () => {
    const { inbound } = pulseShortActivities(Context.current());
    const work = async () => {
      await jest.advanceTimersByTimeAsync(12_000);
      return 'done';
    };
    return inbound?.execute === undefined ? work() : inbound.execute({ args: [], headers: {} }, work);
  });
  expect(done).toBe('done');
  expect(jest.getTimerCount()).toBe(0);
  return heartbeats;
}

describe('the pulse of short activities', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  test.each([
    { what: 'a question with a heartbeat timeout', info: { heartbeatTimeoutMs: 10_000 }, heartbeats: 2 },
    { what: 'one that nobody listens to', info: {}, heartbeats: 0 },
    {
      what: 'a long one, which tells its own progress',
      info: { heartbeatTimeoutMs: 10_000, startToCloseTimeoutMs: 300_000 },
      heartbeats: 0,
    },
  ])('$what: $heartbeats heartbeats in twelve seconds', async ({ info, heartbeats }) => {
    expect(await heartbeatsOf(info)).toBe(heartbeats);
  });
});
