import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The newest segment with shadow decisions, found without reading those of months without a shadow. */
export class ShadowSegments0000000000013 implements MigrationInterface {
  readonly name = 'shadow-segments-0000000000013';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX segment_with_shadows ON segment (seq) WHERE shadows > 0');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX segment_with_shadows');
  }
}
