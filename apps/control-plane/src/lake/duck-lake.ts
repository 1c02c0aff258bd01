import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { ControlPlaneConfig } from '../config';

/** DuckDB shares two cores with everything else: one thread, bounded memory, spilling to the lake's own folder. */
const SETTINGS = { threads: '1', memory_limit: '512MB', autoinstall_known_extensions: 'false' };

/** The in-process DuckDB that writes and reads the lake's Parquet. One statement runs at a time. */
@Injectable()
export class DuckLake implements OnApplicationShutdown {
  private instance: Promise<DuckDBInstance> | null = null;
  private last: Promise<unknown> = Promise.resolve();
  readonly root: string;

  constructor(config: ControlPlaneConfig) {
    this.root = join(config.adloopHome, 'lake');
  }

  /** Runs `work` on a connection of its own, after every earlier caller's work has ended. */
  with<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const run = async () => {
      const connection = await (await this.open()).connect();
      try {
        return await work(connection);
      } finally {
        connection.closeSync();
      }
    };
    const result = this.last.then(run, run);
    // Whoever waits for its turn must not inherit the failure of the one before.
    this.last = result.then(noValue, noValue);
    return result;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.last;
    if (this.instance) (await this.instance).closeSync();
    this.instance = null;
  }

  private open(): Promise<DuckDBInstance> {
    this.instance ??= this.create();
    return this.instance;
  }

  private async create(): Promise<DuckDBInstance> {
    const temporary = join(this.root, 'tmp', 'duckdb');
    await mkdir(temporary, { recursive: true });
    return DuckDBInstance.create(':memory:', { ...SETTINGS, temp_directory: temporary });
  }
}

const noValue = () => undefined;

/** A string as an SQL literal. */
export const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** `read_parquet` over a list of files; the list must not be empty. */
export const parquetOf = (paths: readonly string[]) => `read_parquet([${paths.map(literal).join(', ')}])`;

/** The same over files of several formats: a column that a file lacks is null there. */
export const parquetByName = (paths: readonly string[]) =>
  `read_parquet([${paths.map(literal).join(', ')}], union_by_name = true)`;

/** All rows of a query as arrays of JavaScript values (bigint for 64-bit integers), chunk by chunk. */
export async function* streamRows(connection: DuckDBConnection, sql: string): AsyncGenerator<unknown[]> {
  const result = await connection.stream(sql);
  for (;;) {
    const chunk = await result.fetchChunk();
    if (!chunk || chunk.rowCount === 0) return;
    yield* chunk.getRows();
  }
}
