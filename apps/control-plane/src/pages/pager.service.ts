import { Inject, Injectable } from '@nestjs/common';
import type { Page } from '../../../../activities/page-activities';
import { IntentRepository } from '../ledger/intent.repository';
import { childLogger } from '../logger';
import type { PageChannel } from './page-channel';

/** Longest time that one channel may take. */
const CHANNEL_MS = 5_000;
export const PAGE_CHANNELS = Symbol('page channels');

/**
 * Raises pages: into the ledger once per key (the metric counts there), into the log, and to every channel. A channel that
 * hangs or fails is given up after five seconds and said so in the log: the page stands in the ledger all the same.
 */
@Injectable()
export class Pager {
  private readonly log = childLogger('pages');

  constructor(
    private readonly intents: IntentRepository,
    @Inject(PAGE_CHANNELS) private readonly channels: readonly PageChannel[],
  ) {}

  /** Repeating a key writes nothing new; channels may hear of it again, with the same idempotency key. */
  async raise(page: Page): Promise<void> {
    const { key, kind, subject, cell, agent, reason } = page;
    await this.intents.append({
      key: `page/${key}`,
      kind: 'page.raised',
      publisher: 'meta',
      subject,
      action: { page: kind, cell, agent },
      reason,
      expiresAt: null,
    });
    this.log.error({ page: kind, rolloutId: subject, cell, agent, key }, reason);
    await Promise.all(this.channels.map((channel) => this.deliver(channel, page)));
  }

  private async deliver(channel: PageChannel, page: Page): Promise<void> {
    const limit = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        limit.abort();
        reject(new Error(`no answer within ${CHANNEL_MS} ms`));
      }, CHANNEL_MS);
    });
    try {
      // Also a channel that does not obey its signal is left behind.
      await Promise.race([channel.deliver(page, limit.signal), late]);
    } catch (error) {
      this.log.error({ err: error, channel: channel.name, key: page.key }, 'page not delivered by this channel');
    } finally {
      clearTimeout(timer);
    }
  }
}
