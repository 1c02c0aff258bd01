import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Parquet files that a merged file has replaced: readers skip them, and they are deleted once no reader can hold them. */
export class LakeCompaction implements MigrationInterface {
  name = 'lake-compaction-0000000000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE lake_file ADD COLUMN retired_at timestamptz');
    await runner.query('CREATE INDEX lake_file_retired ON lake_file (retired_at) WHERE retired_at IS NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX lake_file_retired');
    await runner.query('DELETE FROM lake_file WHERE retired_at IS NOT NULL');
    await runner.query('ALTER TABLE lake_file DROP COLUMN retired_at');
  }
}
