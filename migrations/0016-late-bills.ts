import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Bills that no grant of an edge could take any more: one row a decision, so that the same one told twice is booked once. */
export class LateBills0000000000016 implements MigrationInterface {
  readonly name = 'late-bills-0000000000016';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE late_bill (
        decision_id text PRIMARY KEY CHECK (length(decision_id) BETWEEN 1 AND 200),
        -- The grant that had held the bid's money; null when nobody knows it any more.
        grant_id text REFERENCES budget_grant,
        campaign_id text NOT NULL REFERENCES campaign,
        arm text NOT NULL CHECK (arm IN ('champion', 'canary')),
        day date NOT NULL,
        edge_id text NOT NULL,
        paid_nanos bigint NOT NULL CHECK (paid_nanos BETWEEN 1 AND 9007199254740991),
        booked_at timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX late_bill_day ON late_bill (campaign_id, day, arm);
      CREATE TRIGGER late_bill_append_only BEFORE UPDATE OR DELETE ON late_bill FOR EACH ROW EXECUTE FUNCTION append_only();
      CREATE TRIGGER late_bill_no_truncate BEFORE TRUNCATE ON late_bill FOR EACH STATEMENT EXECUTE FUNCTION append_only();
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE late_bill');
  }
}
