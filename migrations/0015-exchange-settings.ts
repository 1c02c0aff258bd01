import type { MigrationInterface, QueryRunner } from 'typeorm';

/** One row per exchange of a cell, with a version of its own: what one person changes no longer overwrites another's change. */
export class ExchangeSettings0000000000015 implements MigrationInterface {
  readonly name = 'exchange-settings-0000000000015';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE exchange_setting (
        cell text NOT NULL REFERENCES cell_setting (cell),
        exchange text NOT NULL CHECK (exchange ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
        version integer NOT NULL DEFAULT 1 CHECK (version > 0),
        settings jsonb NOT NULL CHECK (jsonb_typeof(settings) = 'object' AND NOT settings ? 'exchange'),
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (cell, exchange)
      );
      INSERT INTO exchange_setting (cell, exchange, settings)
        SELECT cell, key, value - 'exchange' FROM cell_setting, jsonb_each(exchanges);
      ALTER TABLE cell_setting DROP COLUMN exchanges;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE cell_setting ADD COLUMN exchanges jsonb CHECK (jsonb_typeof(exchanges) = 'object');
      UPDATE cell_setting s SET exchanges = coalesce((
        SELECT jsonb_object_agg(exchange, settings || jsonb_build_object('exchange', exchange))
        FROM exchange_setting e WHERE e.cell = s.cell), '{}');
      ALTER TABLE cell_setting ALTER COLUMN exchanges SET NOT NULL;
      DROP TABLE exchange_setting;
    `);
  }
}
