import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Exchange, ExchangeInput } from '#domain/contracts/exchange';
import { assertCurrent, etagOf, type WriteCondition } from '../etag';
import { notFound, ProblemError } from '../problems/problem-error';

interface ExchangeRow {
  exchange: string;
  version: number;
  settings: ExchangeInput;
}

const toExchange = ({ exchange, version, settings }: ExchangeRow): Exchange => ({ exchange, version, ...settings });

/** Settings of a cell's exchanges; every write makes the next version. */
@Injectable()
export class ExchangeRepository {
  constructor(private readonly database: DataSource) {}

  /** All exchanges of a cell by name: tens, not thousands. */
  async list(cell: string): Promise<Exchange[]> {
    const rows = (await this.database.query(
      'SELECT exchange, version, settings FROM exchange_setting WHERE cell = $1 ORDER BY exchange',
      [cell],
    )) as ExchangeRow[];
    return rows.map(toExchange);
  }

  /** @throws ProblemError `not-found`. */
  async get(cell: string, exchange: string, manager: EntityManager = this.database.manager): Promise<Exchange> {
    const row = await this.find(manager, cell, exchange);
    if (row === undefined) throw notFound('exchange', exchange);
    return toExchange(row);
  }

  /**
   * Replaces the settings of an exchange, or adds one.
   * @throws ProblemError `not-ready` while the cell is not seeded, `not-found` or `stale-version` when `condition` does not hold,
   *   `invalid-input` for a currency without a rate.
   */
  async put(
    manager: EntityManager,
    cell: string,
    exchange: string,
    input: ExchangeInput,
    condition: WriteCondition,
  ): Promise<Exchange> {
    // The cell's row is the lock: two who add the same exchange meet here.
    const [setting] = (await manager.query('SELECT fx FROM cell_setting WHERE cell = $1 FOR NO KEY UPDATE', [
      cell,
    ])) as {
      fx: { base: string; rates: Record<string, number> };
    }[];
    if (setting === undefined) throw new ProblemError('not-ready', `Cell ${cell} has nothing to serve yet.`);
    if (input.currency !== setting.fx.base && setting.fx.rates[input.currency] === undefined)
      throw noRate(input.currency);
    const row = await this.find(manager, cell, exchange);
    if (condition === 'absent' && row !== undefined)
      throw new ProblemError('stale-version', `The exchange ${exchange} exists, in version ${row.version}.`, [], {
        etag: etagOf(row.version),
      });
    if (condition !== 'absent') {
      if (row === undefined) throw notFound('exchange', exchange);
      assertCurrent(condition.based, row.version);
    }
    await manager.query(
      `INSERT INTO exchange_setting (cell, exchange, settings) VALUES ($1, $2, $3)
       ON CONFLICT (cell, exchange) DO UPDATE
         SET settings = excluded.settings, version = exchange_setting.version + 1, updated_at = now()`,
      [cell, exchange, JSON.stringify(input)],
    );
    return this.get(cell, exchange, manager);
  }

  private async find(manager: EntityManager, cell: string, exchange: string): Promise<ExchangeRow | undefined> {
    const [row] = (await manager.query(
      'SELECT exchange, version, settings FROM exchange_setting WHERE cell = $1 AND exchange = $2',
      [cell, exchange],
    )) as ExchangeRow[];
    return row;
  }
}

function noRate(currency: string): ProblemError {
  const fault = {
    pointer: '/currency',
    code: 'currency-without-rate',
    detail: `the FX table has no rate of ${currency}`,
  };
  return new ProblemError('invalid-input', `1 fault(s). First: /currency ${fault.detail}.`, [fault]);
}
