import { EventEmitter } from 'node:events';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Client } from 'pg';
import { childLogger } from '../logger';
import { DatabaseAccess } from './database-access';

/** Channels that processes of the control plane notify each other on. */
export const CHANNELS = ['snapshot'] as const;
export type Channel = (typeof CHANNELS)[number];

const RECONNECT_MS = 1_000;

/**
 * Hears LISTEN/NOTIFY on a connection of its own and reconnects for ever. Messages sent while it is disconnected are
 * lost, so a waiter must also look for itself now and then (`waitFor` ends by its timeout).
 */
@Injectable()
export class PostgresNotifications implements OnModuleInit, OnApplicationShutdown {
  private readonly log = childLogger('notifications');
  private readonly heard = new EventEmitter().setMaxListeners(0);
  private client: Client | null = null;
  private reconnect: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(private readonly database: DatabaseAccess) {}

  async onModuleInit(): Promise<void> {
    await this.connect();
  }

  async onApplicationShutdown(): Promise<void> {
    this.closed = true;
    if (this.reconnect) clearTimeout(this.reconnect);
    for (const channel of CHANNELS) this.heard.emit(channel, null);
    await this.client?.end();
  }

  /** Resolves to the message, or null after `timeoutMs`, an abort or a shutdown. */
  waitFor(channel: Channel, timeoutMs: number, signal?: AbortSignal): Promise<string | null> {
    if (this.closed || signal?.aborted || timeoutMs <= 0) return Promise.resolve(null);
    return new Promise((resolve) => {
      const finish = (message: string | null): void => {
        clearTimeout(timer);
        this.heard.off(channel, finish);
        signal?.removeEventListener('abort', abort);
        resolve(message);
      };
      const abort = (): void => finish(null);
      const timer = setTimeout(finish, timeoutMs, null);
      this.heard.on(channel, finish);
      signal?.addEventListener('abort', abort);
    });
  }

  private async connect(): Promise<void> {
    const { url, options } = await this.database.access();
    const client = new Client({
      connectionString: url,
      ...(options && { options }),
      application_name: 'adloop-listen',
      keepAlive: true,
    });
    client.on('notification', ({ channel, payload }) => this.heard.emit(channel, payload ?? ''));
    // A lost connection reports an error, then an end; the end alone reconnects.
    client.on('error', (error) => this.log.warn({ error: error.message }, 'listening connection failed'));
    client.on('end', () => this.connectLater());
    try {
      await client.connect();
      for (const channel of CHANNELS) await client.query(`LISTEN ${channel}`);
      this.client = client;
    } catch (error) {
      this.log.warn({ error: String(error) }, 'cannot listen to Postgres yet');
      this.connectLater();
    }
  }

  private connectLater(): void {
    this.client = null;
    if (this.closed || this.reconnect) return;
    this.reconnect = setTimeout(() => {
      this.reconnect = null;
      void this.connect();
    }, RECONNECT_MS);
  }
}
