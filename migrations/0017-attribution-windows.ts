import type { MigrationInterface, QueryRunner } from 'typeorm';

/** For how long conversions count, per campaign, and outcomes for those that came later. */
export class AttributionWindows0000000000017 implements MigrationInterface {
  readonly name = 'attribution-windows-0000000000017';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE campaign
        ADD COLUMN click_window_minutes integer NOT NULL DEFAULT 43200 CHECK (click_window_minutes BETWEEN 1 AND 129600),
        ADD COLUMN view_window_minutes integer NOT NULL DEFAULT 1440 CHECK (view_window_minutes BETWEEN 0 AND 43200);
      ${outcomeKinds("'win', 'bill', 'loss', 'click', 'conversion', 'view', 'outside-window'")}
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DELETE FROM outcome WHERE kind = 'outside-window';
      ${outcomeKinds("'win', 'bill', 'loss', 'click', 'conversion', 'view'")}
      ALTER TABLE campaign DROP COLUMN click_window_minutes, DROP COLUMN view_window_minutes;
    `);
  }
}

const outcomeKinds = (kinds: string): string => `
  ALTER TABLE outcome DROP CONSTRAINT outcome_kind_check;
  ALTER TABLE outcome ADD CONSTRAINT outcome_kind_check CHECK (kind IN (${kinds}));`;
