import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Creatives of all formats: what only one format has lives in `asset`; `size` is the name under which they compete (`sizeOf`). Going back leaves the banners; the release before knows no other
 * format, and an edge of it refuses a snapshot that holds one.
 */
export class CreativeFormats0000000000014 implements MigrationInterface {
  readonly name = 'creative-formats-0000000000014';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE creative DROP CONSTRAINT creative_type_check;
      ALTER TABLE creative
        ADD CONSTRAINT creative_type_check CHECK (type IN ('banner', 'video', 'audio', 'native')),
        ADD COLUMN asset jsonb,
        ADD COLUMN languages text[] NOT NULL DEFAULT '{}' CHECK (cardinality(languages) <= 8),
        ADD COLUMN apis smallint[] NOT NULL DEFAULT '{}' CHECK (cardinality(apis) <= 8),
        ADD COLUMN app_bundle text CHECK (length(app_bundle) BETWEEN 1 AND 256);
      UPDATE creative SET asset = jsonb_build_object('width', width, 'height', height, 'markup', markup);
      ALTER TABLE creative ALTER COLUMN asset SET NOT NULL,
        ADD CONSTRAINT creative_asset_check CHECK (jsonb_typeof(asset) = 'object' AND length(asset::text) <= 65536),
        ADD COLUMN size text NOT NULL GENERATED ALWAYS AS (
          CASE type WHEN 'banner' THEN (asset->>'width') || 'x' || (asset->>'height') ELSE type END) STORED,
        DROP COLUMN width, DROP COLUMN height, DROP COLUMN markup;
      ALTER TABLE outcome DROP CONSTRAINT outcome_kind_check;
      ALTER TABLE outcome ADD CONSTRAINT outcome_kind_check
        CHECK (kind IN ('win', 'bill', 'loss', 'click', 'conversion', 'view'));
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DELETE FROM outcome WHERE kind = 'view';
      ALTER TABLE outcome DROP CONSTRAINT outcome_kind_check;
      ALTER TABLE outcome ADD CONSTRAINT outcome_kind_check
        CHECK (kind IN ('win', 'bill', 'loss', 'click', 'conversion'));
      DELETE FROM creative WHERE type <> 'banner';
      ALTER TABLE creative DROP CONSTRAINT creative_type_check;
      ALTER TABLE creative
        ADD CONSTRAINT creative_type_check CHECK (type IN ('banner')),
        ADD COLUMN width integer CHECK (width BETWEEN 1 AND 4096),
        ADD COLUMN height integer CHECK (height BETWEEN 1 AND 4096),
        ADD COLUMN markup text CHECK (length(markup) BETWEEN 1 AND 32768);
      UPDATE creative SET width = (asset->>'width')::integer, height = (asset->>'height')::integer, markup = asset->>'markup';
      ALTER TABLE creative ALTER COLUMN width SET NOT NULL, ALTER COLUMN height SET NOT NULL, ALTER COLUMN markup SET NOT NULL,
        DROP COLUMN size, DROP COLUMN asset, DROP COLUMN languages, DROP COLUMN apis, DROP COLUMN app_bundle;
    `);
  }
}
