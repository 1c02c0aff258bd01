import type { EntityManager } from 'typeorm';
import type { Message, Topic } from '#domain/contracts/message';

/** A message that a consumer could not take in. */
export interface Refusal {
  messageId: string;
  reason: string;
}

/** Who wants to hear of a topic. */
export interface Consumer {
  /** Stable: what was delivered is kept under it. */
  readonly name: string;
  readonly topics: readonly Topic[];
  /**
   * Takes messages in, in the order of their writing, at least once each: after a crash, or a lost acknowledgement, they come again.
   * Those refused are tried again by themselves. A rejection means that none is known to be taken in.
   */
  receive(messages: readonly Message[]): Promise<readonly Refusal[]>;
}

/**
 * The port between parts of the control plane: JSON messages, at least once. In one process by `PostgresMessageQueue`; a broker
 * (Kafka) would take the place of its delivery, while `publish` stays an outbox in the writer's transaction.
 */
export abstract class MessageQueue {
  /** Publishes when, and only when, the caller's transaction commits. The same id again changes nothing. */
  abstract publish(message: Message, manager: EntityManager): Promise<void>;
  /** Registers a consumer and begins to deliver to it, what is still kept of its topics first. */
  abstract subscribe(consumer: Consumer): Promise<void>;
}
