import type { DataSource, EntityManager } from 'typeorm';
import type { Message } from '#domain/contracts/message';
import { childLogger } from '../logger';
import { type Consumer, MessageQueue, type Refusal } from './message-queue';
import { writeToOutbox } from './outbox';

export interface DeliveryOptions {
  /** Messages per batch. */
  batch: number;
  /** Pause between looks at an empty queue, ms. */
  pollMs: number;
  /** Time after which messages handed to a consumer that never answered are handed out again, ms. */
  claimMs: number;
  /** First pause after a refusal, doubled each time up to `longestPauseMs`. */
  pauseMs: number;
  longestPauseMs: number;
  /** Attempts after which a message is dead: kept, shown, and not tried again until somebody says so. */
  attempts: number;
}

export const DELIVERY: DeliveryOptions = {
  batch: 500,
  pollMs: 500,
  claimMs: 60_000,
  pauseMs: 1_000,
  longestPauseMs: 300_000,
  attempts: 10,
};
const DAY_MS = 86_400_000;
/** Messages that all consumers have, and the notes that they were handled: the second must outlive any redelivery of the first. */
const KEEP = { messageMs: 7 * DAY_MS, handledMs: 30 * DAY_MS };

interface Claimed extends Message {
  attempts: number;
}

/** A message that ran out of attempts. */
export interface DeadMessage {
  consumer: string;
  messageId: string;
  topic: string;
  attempts: number;
  deadAt: string;
  lastError: string;
}

/**
 * Delivers the outbox inside this process. Several processes share the work: a batch is claimed for a while, handled, then
 * acknowledged; whoever dies in between leaves it to the next.
 */
export class PostgresMessageQueue extends MessageQueue {
  private readonly log = childLogger('messages');
  private readonly loops: Promise<void>[] = [];
  private readonly stopping = new AbortController();

  constructor(
    private readonly database: DataSource,
    private readonly options: DeliveryOptions = DELIVERY,
  ) {
    super();
  }

  publish(message: Message, manager: EntityManager): Promise<void> {
    return writeToOutbox(manager, message);
  }

  async subscribe(consumer: Consumer): Promise<void> {
    await this.register(consumer);
    this.loops.push(this.deliver(consumer));
  }

  /** Ends after the batches in hand. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.loops);
  }

  /** Registers a consumer; what is kept of its topics becomes due for it. */
  async register(consumer: Consumer): Promise<void> {
    await this.database.query(
      `WITH added AS (
         INSERT INTO message_consumer (consumer, topic) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING RETURNING topic)
       INSERT INTO message_delivery (consumer, position, message_id)
       SELECT $1, position, message_id FROM message JOIN added USING (topic) ON CONFLICT DO NOTHING`,
      [consumer.name, consumer.topics],
    );
  }

  /** One batch: claim, hand over, acknowledge. @returns how many messages were handed over. */
  async deliverBatch(consumer: Consumer): Promise<number> {
    const claimed = await this.claim(consumer.name);
    if (claimed.length === 0) return 0;
    let refusals: readonly Refusal[];
    try {
      refusals = await consumer.receive(claimed);
    } catch (error) {
      const reason = String(error).slice(0, 500);
      refusals = claimed.map(({ messageId }) => ({ messageId, reason }));
    }
    await this.acknowledge(consumer.name, claimed, refusals);
    return claimed.length;
  }

  /** Messages that ran out of attempts, oldest first, at most 200. */
  async dead(): Promise<DeadMessage[]> {
    const rows = await this.database.query<(Omit<DeadMessage, 'deadAt'> & { deadAt: Date })[]>(
      `SELECT consumer, message_id AS "messageId", topic, attempts, dead_at AS "deadAt", coalesce(last_error, '') AS "lastError"
       FROM message_delivery JOIN message USING (message_id) WHERE dead_at IS NOT NULL ORDER BY dead_at, message_id LIMIT 200`,
    );
    return rows.map((row) => ({ ...row, deadAt: row.deadAt.toISOString() }));
  }

  /** Makes dead messages of a consumer due again, from the first attempt. @returns how many. */
  async retryDead(consumer: string): Promise<number> {
    const [, count] = await this.database.query<[unknown, number]>(
      `UPDATE message_delivery SET dead_at = NULL, attempts = 0, due_at = now() WHERE consumer = $1 AND dead_at IS NOT NULL`,
      [consumer],
    );
    return count;
  }

  /** Deletes what every consumer has had for long. */
  async prune(nowMs: number): Promise<void> {
    await this.database.query(
      `DELETE FROM message m WHERE produced_at < $1 AND NOT EXISTS (SELECT 1 FROM message_delivery d WHERE d.message_id = m.message_id)`,
      [new Date(nowMs - KEEP.messageMs)],
    );
    await this.database.query('DELETE FROM message_handled WHERE handled_at < $1', [new Date(nowMs - KEEP.handledMs)]);
  }

  private async deliver(consumer: Consumer): Promise<void> {
    let failing = false;
    while (!this.stopping.signal.aborted) {
      let handed = 0;
      try {
        handed = await this.deliverBatch(consumer);
        failing = false;
      } catch (error) {
        // The database is away: said once, and the same messages are due when it is back.
        if (!failing) this.log.error({ err: error, consumer: consumer.name }, 'delivery fails');
        failing = true;
      }
      if (handed < this.options.batch) await pause(this.options.pollMs, this.stopping.signal);
    }
  }

  private async claim(consumer: string): Promise<Claimed[]> {
    const { batch, claimMs } = this.options;
    const [claims] = await this.database.query<[{ message_id: string; attempts: number }[], number]>(
      `UPDATE message_delivery SET attempts = attempts + 1, due_at = now() + $3 * interval '1 ms'
       WHERE consumer = $1 AND message_id IN (
         SELECT message_id FROM message_delivery WHERE consumer = $1 AND dead_at IS NULL AND due_at <= now()
         ORDER BY position LIMIT $2 FOR UPDATE SKIP LOCKED)
       RETURNING message_id, attempts`,
      [consumer, batch, claimMs],
    );
    if (claims.length === 0) return [];
    const attempts = new Map(claims.map((claim) => [claim.message_id, claim.attempts]));
    const rows = await this.database.query<(Omit<Message, 'producedAt'> & { producedAt: Date })[]>(
      `SELECT message_id AS "messageId", topic, schema_version AS "schemaVersion", produced_at AS "producedAt", payload
       FROM message WHERE message_id = ANY($1) ORDER BY position`,
      [[...attempts.keys()]],
    );
    return rows.map((row) => ({
      ...row,
      producedAt: row.producedAt.toISOString(),
      attempts: attempts.get(row.messageId) ?? 1,
    }));
  }

  private async acknowledge(
    consumer: string,
    claimed: readonly Claimed[],
    refusals: readonly Refusal[],
  ): Promise<void> {
    const reasons = new Map(refusals.map(({ messageId, reason }) => [messageId, reason]));
    const taken = claimed.filter(({ messageId }) => !reasons.has(messageId)).map(({ messageId }) => messageId);
    await this.database.query('DELETE FROM message_delivery WHERE consumer = $1 AND message_id = ANY($2)', [
      consumer,
      taken,
    ]);
    for (const { messageId, attempts } of claimed) {
      const reason = reasons.get(messageId);
      if (reason === undefined) continue;
      const isDead = attempts >= this.options.attempts;
      if (isDead) this.log.error({ consumer, messageId, attempts, reason }, 'a message is dead: see messages/dead');
      const pauseMs = Math.min(this.options.longestPauseMs, this.options.pauseMs * 2 ** (attempts - 1));
      await this.database.query(
        `UPDATE message_delivery SET last_error = $3, due_at = now() + $4 * interval '1 ms', dead_at = CASE WHEN $5 THEN now() END
         WHERE consumer = $1 AND message_id = $2`,
        [consumer, messageId, reason, pauseMs, isDead],
      );
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms).unref();
    signal.addEventListener('abort', end);
  });
}
