import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a grant keeps for an outage may shrink as the day ends; everything else of its terms stays as it was made. */
export class OutageAllowance implements MigrationInterface {
  name = 'outage-allowance-0000000000005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(guard('NEW.outage_nanos > OLD.outage_nanos'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(guard('NEW.outage_nanos <> OLD.outage_nanos'));
  }
}

const guard = (isWrongAllowance: string): string => `
  CREATE OR REPLACE FUNCTION budget_grant_guard() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP = 'DELETE'
      OR (NEW.grant_id, NEW.campaign_id, NEW.edge_id, NEW.boot_id, NEW.arm, NEW.day, NEW.amount_nanos)
         IS DISTINCT FROM
         (OLD.grant_id, OLD.campaign_id, OLD.edge_id, OLD.boot_id, OLD.arm, OLD.day, OLD.amount_nanos)
      OR ${isWrongAllowance}
      OR NEW.spent_nanos < OLD.spent_nanos OR NEW.returned_nanos < OLD.returned_nanos OR NEW.late_nanos < OLD.late_nanos
      OR (OLD.closed_at IS NOT NULL AND NEW.closed_at IS DISTINCT FROM OLD.closed_at)
    THEN
      RAISE EXCEPTION 'budget_grant % only grows: % refused', OLD.grant_id, TG_OP USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`;
