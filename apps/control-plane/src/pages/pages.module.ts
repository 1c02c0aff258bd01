import { Module } from '@nestjs/common';
import { ControlPlaneConfig } from '../config';
import { LedgerModule } from '../ledger/ledger.module';
import { PageCounts } from './page-counts';
import { type PageChannel, WebhookChannel } from './page-channel';
import { PAGE_CHANNELS, Pager } from './pager.service';

/** Calling a human: ledger, log, and the webhook when one is set. */
@Module({
  imports: [LedgerModule],
  providers: [
    Pager,
    PageCounts,
    {
      provide: PAGE_CHANNELS,
      inject: [ControlPlaneConfig],
      useFactory: ({ pageWebhook }: ControlPlaneConfig): PageChannel[] =>
        pageWebhook === null ? [] : [new WebhookChannel(pageWebhook.url, pageWebhook.secret)],
    },
  ],
  exports: [Pager, PageCounts],
})
export class PagesModule {}
