import { DataSource } from 'typeorm';
import type { Message } from '#domain/contracts/message';
import { dataSourceOptions } from '../../apps/control-plane/src/database/data-source';
import { migrate } from '../../apps/control-plane/src/database/migrate';
import { setLogLevel } from '../../apps/control-plane/src/logger';
import { IdempotentConsumer } from '../../apps/control-plane/src/messages/idempotent-consumer';
import type { Consumer } from '../../apps/control-plane/src/messages/message-queue';
import { writeToOutbox } from '../../apps/control-plane/src/messages/outbox';
import { DELIVERY, PostgresMessageQueue } from '../../apps/control-plane/src/messages/postgres-message-queue';
import { freshDatabase } from '../servers';
import { draws } from './open-lake';

const MESSAGES = 100_000;
const FAST = { ...DELIVERY, pollMs: 5, claimMs: 1_500, pauseMs: 20, longestPauseMs: 100 };

const message = (n: number): Message => ({
  messageId: `m${n}`,
  topic: 'ledger.appended',
  schemaVersion: 1,
  producedAt: new Date().toISOString(),
  payload: { n },
});

describe('messages through the outbox', () => {
  let source: DataSource;

  beforeEach(async () => {
    setLogLevel('silent');
    const url = await freshDatabase();
    await migrate(url);
    source = await new DataSource(dataSourceOptions(url, 10)).initialize();
    // No key: an effect that happens twice is two rows.
    await source.query('CREATE TABLE effect (message_id text NOT NULL)');
  });
  afterEach(() => source.destroy());

  const counting = (name = 'counting', refuse: (message: Message) => boolean = () => false) =>
    new IdempotentConsumer(source, {
      name,
      topics: ['ledger.appended'],
      apply: async (messages, manager) => {
        const bad = messages.find(refuse);
        await manager.query('INSERT INTO effect SELECT unnest($1::text[])', [messages.map((one) => one.messageId)]);
        if (bad) throw new Error(`cannot take ${bad.messageId}`);
      },
    });

  const effects = async () => {
    const [row] = await source.query<{ rows: number; different: number }[]>(
      'SELECT count(*)::int AS rows, count(DISTINCT message_id)::int AS different FROM effect',
    );
    return row!;
  };
  const left = async () =>
    (await source.query<{ n: number }[]>('SELECT count(*)::int AS n FROM message_delivery WHERE dead_at IS NULL'))[0]!
      .n;
  const publish = (from: number, to: number) =>
    source.transaction(async (manager) => {
      for (let n = from; n < to; n += 1) await writeToOutbox(manager, message(n));
    });
  async function drained(queue: PostgresMessageQueue): Promise<void> {
    while ((await left()) > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await queue.stop();
  }

  test('a message leaves with its transaction or not at all; the same id once', async () => {
    const queue = new PostgresMessageQueue(source, FAST);
    await queue.subscribe(counting());
    const undone = source.transaction(async (manager) => {
      await queue.publish(message(1), manager);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    await publish(2, 5);
    await publish(2, 5);
    await drained(queue);
    expect(await effects()).toEqual({ rows: 3, different: 3 });
  });

  test('a consumer that comes later gets what is kept; each consumer gets its own', async () => {
    await publish(0, 10);
    const queue = new PostgresMessageQueue(source, FAST);
    await queue.subscribe(counting('first'));
    await queue.subscribe(counting('second'));
    await publish(10, 20);
    await drained(queue);
    expect(await effects()).toEqual({ rows: 40, different: 20 });
  });

  test('a bad message holds up no other, is tried again with longer pauses, and dies after a bound; it can be revived', async () => {
    let healed = false;
    const queue = new PostgresMessageQueue(source, { ...FAST, attempts: 4 });
    await queue.register(counting());
    await publish(0, 50);
    await queue.subscribe(counting('counting', ({ messageId }) => messageId === 'm7' && !healed));
    await drained(queue);
    expect(await effects()).toEqual({ rows: 49, different: 49 });
    expect(await queue.dead()).toMatchObject([
      { consumer: 'counting', messageId: 'm7', attempts: 4, lastError: 'Error: cannot take m7' },
    ]);
    healed = true;
    expect(await queue.retryDead('counting')).toBe(1);
    const again = new PostgresMessageQueue(source, FAST);
    await again.subscribe(counting());
    await drained(again);
    expect(await effects()).toEqual({ rows: 50, different: 50 });
  });

  test('what all have had is deleted after its time; the notes that keep a repetition harmless stay longer', async () => {
    const queue = new PostgresMessageQueue(source, FAST);
    await queue.subscribe(counting());
    await publish(0, 3);
    await drained(queue);
    await publish(3, 4);
    await queue.prune(Date.now() + 8 * 86_400_000);
    const counts = await source.query<{ messages: number; handled: number }[]>(
      'SELECT (SELECT count(*)::int FROM message) AS messages, (SELECT count(*)::int FROM message_handled) AS handled',
    );
    expect(counts[0]).toEqual({ messages: 1, handled: 3 });
  });

  test(`${MESSAGES} messages, 5 % twice, consumers that die between handling and acknowledgement: one effect each`, async () => {
    const inner = counting();
    const queue = new PostgresMessageQueue(source, FAST);
    await queue.register(inner);
    await source.query(
      `INSERT INTO message (message_id, topic, schema_version, payload, produced_at)
       SELECT 'm' || n, 'ledger.appended', 1, jsonb_build_object('n', n), now() FROM generate_series(1, $1) AS n`,
      [MESSAGES],
    );
    await source.query(
      `INSERT INTO message_delivery (consumer, position, message_id) SELECT 'counting', position, message_id FROM message`,
    );
    const rng = draws(5);
    const seen = { duplicates: 0, lost: 0, died: 0 };
    const shaken: Consumer = {
      name: inner.name,
      topics: inner.topics,
      receive: async (messages) => {
        const twice = messages.filter(() => rng() < 0.05);
        seen.duplicates += twice.length;
        await inner.receive([...messages, ...twice]);
        await inner.receive(twice);
        const fate = rng();
        if (fate < 0.05) {
          // Handled, and the acknowledgement is lost.
          seen.lost += 1;
          throw new Error('lost');
        }
        if (fate < 0.08) {
          // Handled, and the process is gone: nobody answers, the claim runs out.
          seen.died += 1;
          return new Promise<never>(() => undefined);
        }
        return [];
      },
    };
    // Three processes; one that died is followed by another.
    const work = async (): Promise<void> => {
      while ((await left()) > 0) {
        const batch = new PostgresMessageQueue(source, FAST).deliverBatch(shaken);
        await Promise.race([batch, new Promise((resolve) => setTimeout(resolve, 3_000))]);
      }
    };
    await Promise.all([work(), work(), work()]);
    expect(await effects()).toEqual({ rows: MESSAGES, different: MESSAGES });
    expect(seen.duplicates).toBeGreaterThan(MESSAGES * 0.04);
    expect(seen.lost).toBeGreaterThan(0);
    expect(seen.died).toBeGreaterThan(0);
    expect(await queue.dead()).toEqual([]);
  });
});
