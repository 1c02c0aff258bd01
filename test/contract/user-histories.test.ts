import fc from 'fast-check';
import { HISTORY_TTL_MS, type UserEvent } from '#domain/features';
import { EmbeddedHistories, RedisHistories, RedisLink, type UserHistories } from '../../apps/bidder-edge/src/histories';
import { waitFor } from '../fixtures/edge-process';
import { RedisServer } from '../fixtures/redis-server';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 10, 1);
const USERS = ['00000000000000aa', '00000000000000bb', 'ffffffffffffffff'];
/** Long: this test is about what is answered, not when. */
const LIMIT_MS = 5000;

const steps = fc.array(
  fc.record({
    user: fc.constantFrom(...USERS),
    kind: fc.constantFrom('exposure' as const, 'exposure' as const, 'click' as const),
    gapMs: fc.oneof(fc.nat(2), fc.nat(60_000), fc.nat(DAY_MS), fc.integer({ min: -3, max: 0 })),
  }),
  { maxLength: 120 },
);

describe('both stores of histories', () => {
  let server: RedisServer;
  const open: RedisHistories[] = [];
  let runs = 0;

  /** A store of a fleet of its own in the one server. */
  const inRedis = async (fleet: string): Promise<RedisHistories> => {
    const ignored = (): void => undefined;
    const link = new RedisLink({ url: server.url, password: null, onFault: ignored, onState: ignored });
    const ports = { link, limitMs: LIMIT_MS, prefix: `${fleet}:`, onLookup: ignored, onWrites: ignored };
    const histories = new RedisHistories({ ...ports, onWriteFault: ignored });
    open.push(histories);
    histories.start();
    await waitFor(() => link.ready !== null);
    return histories;
  };

  beforeAll(async () => {
    server = await RedisServer.open();
  });
  afterEach(async () => {
    for (const histories of open.splice(0)) await histories.stop();
  });
  afterAll(() => server.close());

  it('answer the same to the same events, at every moment asked', async () => {
    const redis = await inRedis('same');
    await fc.assert(
      fc.asyncProperty(steps, fc.array(fc.nat(8 * DAY_MS), { maxLength: 3 }), async (made, laterMs) => {
        const memory = new EmbeddedHistories(1000);
        const run = (runs += 1).toString(16).padStart(8, '0');
        const nameOf = (user: string): string => run + user.slice(8);
        let nowMs = START_MS;
        for (const [at, { user, kind, gapMs }] of made.entries()) {
          nowMs += gapMs;
          const event: UserEvent = { kind, userKey: nameOf(user), atMs: nowMs, eventId: `d${at}` };
          memory.note(event);
          redis.note(event);
        }
        await redis.flush(LIMIT_MS);
        for (const atMs of [nowMs, nowMs + 1, ...laterMs.map((later) => nowMs + later)])
          for (const user of USERS) {
            const here = memory.read(nameOf(user), atMs);
            const there = await redis.read(nameOf(user), atMs);
            expect(there).toEqual({ ...here, scope: 'fleet' });
          }
      }),
      { numRuns: 60 },
    );
  });

  it('know of the newest where there were too many', async () => {
    const redis = await inRedis('many');
    const both: UserHistories[] = [new EmbeddedHistories(16), redis];
    for (const histories of both)
      for (let n = 0; n < 100; n += 1)
        for (const kind of ['exposure', 'click'] as const)
          histories.note({ kind, userKey: USERS[0] as string, atMs: START_MS + n * 1000, eventId: `d${n}` });
    await redis.flush(LIMIT_MS);
    for (const histories of both)
      expect(await histories.read(USERS[0] as string, START_MS + 100_000)).toMatchObject({
        ...{
          state: 'known',
          values: { exposures10m: 32, secondsSinceExposure: 1, clicksSinceExposure: 1, clicks7d: 8 },
        },
      });
  });

  it('share what one edge wrote with another, once, however often it was written', async () => {
    const [mine, theirs] = [await inRedis('shared'), await inRedis('shared')];
    const event: UserEvent = { kind: 'exposure', userKey: USERS[1] as string, atMs: START_MS, eventId: 'd' };
    for (const histories of [mine, mine, theirs]) histories.note(event);
    await mine.flush(LIMIT_MS);
    await theirs.flush(LIMIT_MS);
    expect(await theirs.read(USERS[1] as string, START_MS + 1)).toMatchObject({ values: { exposures7d: 1 } });
    expect(await theirs.read(USERS[1] as string, START_MS + HISTORY_TTL_MS)).toMatchObject({
      values: { exposures7d: 0 },
    });
  });
});
