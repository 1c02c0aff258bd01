import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { PolicySnapshot } from '#domain/contracts/policy-snapshot';
import { exactNumber } from '../database/bigint-number';

/** What every snapshot of a cell carries beside campaigns and policies. */
export type CellSetting = Pick<PolicySnapshot, 'layerSalt' | 'rngSeed' | 'shadingTable' | 'exchanges' | 'fx'>;

interface SettingRow {
  layer_salt: string;
  rng_seed: string;
  shading_table: CellSetting['shadingTable'];
  exchanges: CellSetting['exchanges'];
  fx: CellSetting['fx'];
}

/** Settings per cell; the layer's salt never changes, or running experiments would mix their users. */
@Injectable()
export class CellSettings {
  constructor(private readonly database: DataSource) {}

  async find(cell: string, manager: EntityManager = this.database.manager): Promise<CellSetting | null> {
    const [row] = (await manager.query(
      `SELECT s.*, (
         SELECT coalesce(jsonb_object_agg(e.exchange, e.settings || jsonb_build_object('exchange', e.exchange)), '{}')
         FROM exchange_setting e WHERE e.cell = s.cell) AS exchanges
       FROM cell_setting s WHERE s.cell = $1`,
      [cell],
    )) as SettingRow[];
    if (!row) return null;
    const { layer_salt: layerSalt, rng_seed: rngSeed, shading_table: shadingTable, exchanges, fx } = row;
    return { layerSalt, rngSeed: exactNumber(rngSeed), shadingTable, exchanges, fx };
  }

  /** Writes a cell's settings unless it has some. */
  async addMissing(manager: EntityManager, cell: string, setting: CellSetting): Promise<void> {
    await manager.query(
      `INSERT INTO cell_setting (cell, layer_salt, rng_seed, shading_table, fx)
       VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
      [cell, setting.layerSalt, setting.rngSeed, JSON.stringify(setting.shadingTable), JSON.stringify(setting.fx)],
    );
    await manager.query(
      `INSERT INTO exchange_setting (cell, exchange, settings)
       SELECT $1, key, value - 'exchange' FROM jsonb_each($2) ON CONFLICT DO NOTHING`,
      [cell, JSON.stringify(setting.exchanges)],
    );
  }
}
