import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

/** Pages as the ledger has them; the worker raises them, every process may count them. */
@Injectable()
export class PageCounts {
  constructor(private readonly database: DataSource) {}

  byKind(): Promise<{ kind: string; n: number }[]> {
    return this.database.query<{ kind: string; n: number }[]>(
      `SELECT action->>'page' AS kind, count(*)::integer AS n FROM intent WHERE kind = 'page.raised' GROUP BY 1 ORDER BY 1`,
    );
  }
}
