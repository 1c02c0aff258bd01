import { Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { DeadMessagesController } from './dead-messages.controller';
import { MessageJobs } from './message-jobs';
import { MessageQueue } from './message-queue';
import { PostgresMessageQueue } from './postgres-message-queue';

/** Messages between parts of the control plane. A broker would be another provider of `MessageQueue`. */
@Module({
  controllers: [DeadMessagesController],
  providers: [
    {
      provide: PostgresMessageQueue,
      inject: [DataSource],
      useFactory: (database: DataSource) => new PostgresMessageQueue(database),
    },
    { provide: MessageQueue, useExisting: PostgresMessageQueue },
    MessageJobs,
  ],
  exports: [MessageQueue],
})
export class MessagesModule {}
