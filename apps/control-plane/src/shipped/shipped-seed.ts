import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ControlPlaneConfig } from '../config';
import { CellSettings } from '../edges/cell-settings';
import { childLogger } from '../logger';
import { RegistrySeed } from '../registry/seed';
import { InventorySeed, inventorySchema } from './inventory-seed';
import { readShippedSnapshot } from './read-shipped';

/** Key of the advisory lock that lets one process seed: 'ship' in ASCII. */
const SEED_LOCK = 0x73686970;

/**
 * Fills a fresh database from SHIPPED_DIR, so that a demo bids in the first minute: `demo-inventory.json` (advertisers,
 * campaigns, creatives) and `snapshot.json` (policies, cell settings). A database with a seeded cell is left alone.
 */
@Injectable()
export class ShippedSeed {
  private readonly log = childLogger('seed');

  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly database: DataSource,
    private readonly registry: RegistrySeed,
    private readonly inventory: InventorySeed,
    private readonly settings: CellSettings,
  ) {}

  /**
   * Idempotent; answers whether anything was written. A folder without a snapshot leaves the database empty and says so.
   * @throws when a file breaks its contract: a demo that cannot bid should not start.
   */
  async seed(): Promise<boolean> {
    const { shippedDir, cell } = this.config;
    if (shippedDir === null || (await this.settings.find(cell))) return false;
    const snapshot = await readShippedSnapshot(shippedDir);
    if (!snapshot) {
      this.log.warn({ shippedDir }, 'nothing is shipped here: the database starts empty');
      return false;
    }
    const inventory = inventorySchema.parse(
      JSON.parse(await readFile(join(shippedDir, 'demo-inventory.json'), 'utf8')),
    );
    await this.registry.seed(cell, snapshot, shippedDir);
    const seeded = await this.database.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock($1)', [SEED_LOCK]);
      if (await this.settings.find(cell, manager)) return false;
      await this.inventory.write(manager, inventory);
      await this.settings.addMissing(manager, cell, snapshot);
      return true;
    });
    if (seeded) this.log.info({ campaigns: inventory.campaigns.length }, 'seeded from the shipped snapshot');
    return seeded;
  }
}
