import { createHmac } from 'node:crypto';
import type { Page } from '../../../../activities/page-activities';

/** A way to reach a human beyond the ledger and the log. */
export interface PageChannel {
  readonly name: string;
  /** Resolves when the channel has taken the page; must obey `signal`. */
  deliver(page: Page, signal: AbortSignal): Promise<void>;
}

/** POSTs pages as JSON, signed by HMAC-SHA256 over the body when there is a secret. Redirects are not followed. */
export class WebhookChannel implements PageChannel {
  readonly name = 'webhook';

  constructor(
    private readonly url: string,
    private readonly secret: string | null,
  ) {}

  async deliver(page: Page, signal: AbortSignal): Promise<void> {
    const body = JSON.stringify(page);
    const signature = this.secret === null ? null : createHmac('sha256', this.secret).update(body).digest('hex');
    const answer = await fetch(this.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': page.key,
        ...(signature === null ? {} : { 'x-adloop-signature': `sha256=${signature}` }),
      },
      body,
      redirect: 'error',
      signal,
    });
    // The answer's body is nobody's business; leaving it unread would keep the socket.
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`the webhook answered ${answer.status}`);
  }
}
