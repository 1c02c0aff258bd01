import type { EntityManager } from 'typeorm';
import { type Message, messageSchema } from '#domain/contracts/message';

/**
 * Writes a message in the caller's transaction, for every consumer of its topic: it is delivered if the transaction commits, and
 * only then. The same id again changes nothing.
 * @throws ZodError when the envelope breaks its contract.
 */
export async function writeToOutbox(manager: EntityManager, message: Message): Promise<void> {
  const { messageId, topic, schemaVersion, producedAt, payload } = messageSchema.parse(message);
  await manager.query(
    `WITH written AS (
       INSERT INTO message (message_id, topic, schema_version, payload, produced_at) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT DO NOTHING RETURNING message_id, position)
     INSERT INTO message_delivery (consumer, position, message_id)
     SELECT consumer, position, message_id FROM written, message_consumer WHERE topic = $2`,
    [messageId, topic, schemaVersion, JSON.stringify(payload), producedAt],
  );
}
