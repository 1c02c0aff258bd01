import type { DataSource, EntityManager } from 'typeorm';
import type { Message, Topic } from '#domain/contracts/message';
import type { Consumer, Refusal } from './message-queue';

/** What a consumer does with messages that it has not seen. */
export interface Effect {
  name: string;
  topics: readonly Topic[];
  /** Every write through `manager`: it commits together with the note that the messages were handled. */
  apply(messages: readonly Message[], manager: EntityManager): Promise<void>;
  /** After the commit, also for messages handled before (that run may have died here): must be harmless to repeat. */
  after?(messages: readonly Message[]): Promise<void>;
}

/**
 * Gives each message its effect exactly once, however often it arrives: its id and its effect commit together. A batch that fails is
 * tried message by message, so that one bad message does not hold up the others.
 */
export class IdempotentConsumer implements Consumer {
  readonly name: string;
  readonly topics: readonly Topic[];

  constructor(
    private readonly database: DataSource,
    private readonly effect: Effect,
  ) {
    this.name = effect.name;
    this.topics = effect.topics;
  }

  async receive(messages: readonly Message[]): Promise<readonly Refusal[]> {
    const refusals = await this.applyAll(messages);
    const refused = new Set(refusals.map(({ messageId }) => messageId));
    const taken = messages.filter(({ messageId }) => !refused.has(messageId));
    if (taken.length > 0) await this.effect.after?.(taken);
    return refusals;
  }

  private async applyAll(messages: readonly Message[]): Promise<Refusal[]> {
    try {
      await this.applyOnce(messages);
      return [];
    } catch (error) {
      if (messages.length > 1) return this.applyEach(messages);
      return messages.map(({ messageId }) => ({ messageId, reason: String(error).slice(0, 500) }));
    }
  }

  private async applyEach(messages: readonly Message[]): Promise<Refusal[]> {
    const refusals: Refusal[] = [];
    for (const message of messages) refusals.push(...(await this.applyAll([message])));
    return refusals;
  }

  private applyOnce(messages: readonly Message[]): Promise<void> {
    return this.database.transaction(async (manager) => {
      const ids = [...new Set(messages.map(({ messageId }) => messageId))].sort();
      const fresh = await manager.query<{ message_id: string }[]>(
        `INSERT INTO message_handled (consumer, message_id) SELECT $1, unnest($2::text[])
         ON CONFLICT DO NOTHING RETURNING message_id`,
        [this.name, ids],
      );
      const left = new Set(fresh.map((row) => row.message_id));
      // The same message twice in one batch is taken at its first place.
      const unseen = messages.filter(({ messageId }) => left.delete(messageId));
      if (unseen.length > 0) await this.effect.apply(unseen, manager);
    });
  }
}
