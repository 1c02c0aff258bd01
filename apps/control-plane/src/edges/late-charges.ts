import type { EntityManager } from 'typeorm';
import type { Account, BudgetBook } from './budget-book';
import { insertLateBills, type LateBillRow } from './late-bill.repository';

/** What a late charge is for; `grantId` null when nobody knows the grant any more. */
export interface LateCharge {
  campaignId: string;
  day: string;
  grantId: string | null;
}

/** Late bills are paid by the day, then by the flight, then by the advertiser: the only way past a budget, and counted. */
export function chargeLate(book: BudgetBook, { campaignId, day, grantId }: LateCharge, lateNanos: bigint): void {
  const spent: Account = { campaignId, kind: 'spent', day };
  let rest = lateNanos;
  for (const payer of [{ ...spent, kind: 'day' } as const, { campaignId, kind: 'flight', day: null } as const]) {
    const has = book.balance(payer);
    const pays = rest < has ? rest : has;
    book.move(payer, spent, pays, 'late', grantId);
    rest -= pays;
  }
  book.move({ campaignId, kind: 'funding', day: null }, spent, rest, 'late', grantId);
}

/**
 * Books the late bills of one report, each once however often and by whomever it is told.
 * @returns decision ids that are in the books now, those of before included
 */
export async function bookLateBills(
  manager: EntityManager,
  book: BudgetBook,
  edgeId: string,
  rows: readonly LateBillRow[],
): Promise<string[]> {
  const fresh = await insertLateBills(manager, edgeId, rows);
  for (const row of rows) if (fresh.delete(row.decisionId)) chargeLate(book, row, row.paidNanos);
  return rows.map((row) => row.decisionId);
}
