import type { EntityManager } from 'typeorm';
import { prefixedId } from '../prefixed-id';

/** Accounts of one campaign: two for the whole flight, three for each day (of the campaign's own time zone). */
export type AccountKind = 'funding' | 'flight' | 'day' | 'granted' | 'spent';
export interface Account {
  campaignId: string;
  kind: AccountKind;
  day: string | null;
}
export type MovementReason =
  'funded' | 'defunded' | 'allotted' | 'unallotted' | 'granted' | 'spent' | 'returned' | 'late';

interface Movement {
  from: string;
  to: string;
  amountNanos: bigint;
  reason: MovementReason;
  grantId: string | null;
}

/** Primary key of an account. */
export const accountId = ({ campaignId, kind, day }: Account): string =>
  day === null ? `${kind}:${campaignId}` : `${kind}:${campaignId}:${day}`;

/**
 * The double entry of some campaigns within one transaction: locks, reads, moves in memory, writes everything at once. The
 * database applies the same movements and refuses any that unbalance or overdraw, whatever this class believes.
 */
export class BudgetBook {
  private readonly balances = new Map<string, bigint>();
  private readonly missing = new Map<string, Account>();
  private readonly movements: Movement[] = [];

  private constructor(
    private readonly manager: EntityManager,
    /** Days before today that still hold money, by campaign. */
    readonly accounts: readonly (Account & { balanceNanos: bigint })[],
  ) {
    for (const account of accounts) this.balances.set(accountId(account), account.balanceNanos);
  }

  /**
   * Locks the campaigns' flight accounts in the order of their ids (which serialises every other book over them), then reads
   * all accounts that hold money. Campaigns that were never funded have none.
   */
  static async open(manager: EntityManager, campaignIds: readonly string[]): Promise<BudgetBook> {
    const ids = [...new Set(campaignIds)].sort();
    await manager.query(
      `SELECT account_id FROM budget_account WHERE campaign_id = ANY($1) AND kind = 'flight' ORDER BY account_id FOR UPDATE`,
      [ids],
    );
    const rows = (await manager.query(
      `SELECT campaign_id, kind, day::text AS day, balance_nanos FROM budget_account
       WHERE campaign_id = ANY($1) AND (kind IN ('funding', 'flight') OR balance_nanos <> 0)`,
      [ids],
    )) as { campaign_id: string; kind: AccountKind; day: string | null; balance_nanos: string }[];
    return new BudgetBook(
      manager,
      rows.map((row) => ({
        campaignId: row.campaign_id,
        kind: row.kind,
        day: row.day,
        balanceNanos: BigInt(row.balance_nanos),
      })),
    );
  }

  /** Balance after the movements so far; an account that was never used is empty. */
  balance(account: Account): bigint {
    return this.balances.get(accountId(account)) ?? 0n;
  }

  /** Moves `amountNanos` >= 0; nothing happens for 0. */
  move(from: Account, to: Account, amountNanos: bigint, reason: MovementReason, grantId: string | null = null): void {
    if (amountNanos < 0n) throw new RangeError(`a movement of ${amountNanos} nanos`);
    if (amountNanos === 0n) return;
    for (const [account, signed] of [
      [from, -amountNanos],
      [to, amountNanos],
    ] as const) {
      const id = accountId(account);
      if (!this.balances.has(id)) this.missing.set(id, account);
      this.balances.set(id, this.balance(account) + signed);
    }
    this.movements.push({ from: accountId(from), to: accountId(to), amountNanos, reason, grantId });
  }

  /** Writes what was moved. Call once, last. */
  async write(): Promise<void> {
    if (this.missing.size > 0) {
      const accounts = [...this.missing.entries()];
      await this.manager.query(
        `INSERT INTO budget_account (account_id, campaign_id, kind, day)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::date[]) ON CONFLICT DO NOTHING`,
        [
          accounts.map(([id]) => id),
          accounts.map(([, account]) => account.campaignId),
          accounts.map(([, account]) => account.kind),
          accounts.map(([, account]) => account.day),
        ],
      );
    }
    if (this.movements.length === 0) return;
    const entries = this.movements.flatMap((movement) => {
      const movementId = prefixedId('mov');
      return [
        { ...movement, movementId, accountId: movement.from, signed: -movement.amountNanos },
        { ...movement, movementId, accountId: movement.to, signed: movement.amountNanos },
      ];
    });
    await this.manager.query(
      `INSERT INTO budget_entry (movement_id, account_id, amount_nanos, reason, grant_id)
       SELECT movement_id, account_id, amount_nanos, reason, grant_id
       FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[])
         WITH ORDINALITY AS entry (movement_id, account_id, amount_nanos, reason, grant_id, position) ORDER BY position`,
      [
        entries.map((entry) => entry.movementId),
        entries.map((entry) => entry.accountId),
        entries.map((entry) => entry.signed.toString()),
        entries.map((entry) => entry.reason),
        entries.map((entry) => entry.grantId),
      ],
    );
  }
}
