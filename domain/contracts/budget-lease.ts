import { z } from 'zod';
import { armSchema } from './agent';

/**
 * Budget an edge may spend alone for one campaign and arm. Grants are taken out of the budget when made:
 * granted = reserved + spent + free + returned on the edge, at every moment. Nanos below 2^53.
 */
export const budgetGrantSchema = z.object({
  grantId: z.string(),
  campaignId: z.string(),
  arm: armSchema,
  /** Day of the campaign's own time zone, YYYY-MM-DD. */
  day: z.string(),
  amountNanos: z.number().int().nonnegative(),
  /** Part of `amountNanos` that may be touched only when the control plane is unreachable; later copies may lower it. */
  outageNanos: z.number().int().nonnegative(),
  expiresAtMs: z.number().int(),
  /** What the Budget agent of the edge steers toward: the arm's share of the day's budget, nanos. */
  dayPlanNanos: z.number().int().nonnegative(),
  /** Spent by the arm fleet-wide today before this grant, nanos. */
  daySpentNanos: z.number().int().nonnegative(),
});
export type BudgetGrant = z.infer<typeof budgetGrantSchema>;

/** An edge's account of one grant, reported in every heartbeat. */
export const grantReportSchema = z.object({
  grantId: z.string(),
  campaignId: z.string(),
  arm: armSchema,
  reservedNanos: z.number().int().nonnegative(),
  spentNanos: z.number().int().nonnegative(),
  freeNanos: z.number().int().nonnegative(),
  returnedNanos: z.number().int().nonnegative(),
  /** Bills that arrived after their reservation was voided. */
  lateNanos: z.number().int().nonnegative(),
  closed: z.boolean(),
});
export type GrantReport = z.infer<typeof grantReportSchema>;

/** A bill that no grant of the edge could take any more: real spend, booked once under its decision's id. */
export const lateBillSchema = z.object({
  decisionId: z.string().min(1).max(200),
  /** Grant that had held the bid's money; '' when the edge no longer knows. */
  grantId: z.string().max(200),
  campaignId: z.string().min(1).max(200),
  arm: armSchema,
  paidNanos: z.number().int().positive(),
});
export type LateBill = z.infer<typeof lateBillSchema>;
