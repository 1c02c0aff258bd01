import { z } from 'zod';
import { exchangeNameSchema } from './exchange';
import { timeZoneSchema } from './time-zone';

/** What an invoice's lines are told apart by. */
export const INVOICE_SCOPES = ['campaign', 'seat'] as const;
export type InvoiceScope = (typeof INVOICE_SCOPES)[number];

/** `missing`: our books have it and the invoice does not; `extra`: the other way round. */
export const INVOICE_STATUSES = ['matched', 'price-difference', 'count-difference', 'missing', 'extra'] as const;
export type InvoiceStatus = (typeof INVOICE_STATUSES)[number];

/** Notices that an exchange and we may count differently, by what became of them. */
export const INVOICE_NOTES = [
  'win-without-bill',
  'heard-next-day',
  'decided-day-before',
  'late-bill',
  'lost-and-billed',
  'full-bid',
  'test-bill',
] as const;
export type InvoiceNote = (typeof INVOICE_NOTES)[number];
/** What figures alone say: charged more than we bid, and another rate of exchange. */
export const INVOICE_CAUSES = [...INVOICE_NOTES, 'above-our-bids', 'other-rate'] as const;

const count = z.number().int();
/** Nanos of the fleet's currency, as text: sums of a month do not fit a double. */
const nanos = z.string().regex(/^-?\d+$/);

export const invoiceExplanationSchema = z.object({
  code: z.enum(INVOICE_CAUSES),
  count,
  nanos,
  /** A few of the decisions, for `adloop decision explain`. */
  decisionIds: z.array(z.string()),
});
export type InvoiceExplanation = z.infer<typeof invoiceExplanationSchema>;

export const invoicedLineSchema = z.object({
  currency: z.string(),
  impressions: count,
  /** Nanos of `currency`, as the invoice says, and of the fleet's at the rate of the report. */
  currencyNanos: nanos,
  spendNanos: nanos,
});

export const invoiceResultSchema = z.object({
  /** Campaign or seat. */
  scopeId: z.string(),
  status: z.enum(INVOICE_STATUSES),
  invoiced: z.object({ impressions: count, spendNanos: nanos, lines: z.array(invoicedLineSchema) }).nullable(),
  booked: z
    .object({
      impressions: count,
      spendNanos: nanos,
      /** What we bid for the impressions whose bid is still at hand, and what those cleared at. */
      bids: count,
      bidNanos: nanos,
      clearedNanos: nanos,
      lateBills: count,
      lateNanos: nanos,
    })
    .nullable(),
  /** Invoice less books. */
  difference: z.object({ impressions: count, spendNanos: nanos }),
  explanations: z.array(invoiceExplanationSchema),
  /** Units of the invoice's currency per unit of the fleet's, billionths, at which both sides would agree; one foreign currency only. */
  impliedRatePpb: nanos.nullable(),
});
export type InvoiceResult = z.infer<typeof invoiceResultSchema>;

/** An exchange's invoice for one day beside our books; every figure is an integer. */
export const invoiceReportSchema = z.object({
  schemaVersion: z.literal(1),
  reportId: z.string(),
  exchange: z.string(),
  day: z.string(),
  timeZone: z.string(),
  scope: z.enum(INVOICE_SCOPES),
  toleranceBps: count,
  fx: z.object({ base: z.string(), asOfMs: count, ratesPpb: z.record(z.string(), nanos) }),
  invoiceSha256: z.string(),
  /** Lines of other days in the same file: left out. */
  otherDays: count,
  isMatched: z.boolean(),
  isBooked: z.boolean(),
  results: z.array(invoiceResultSchema),
  total: z.object({
    invoiced: z.object({ impressions: count, spendNanos: nanos }),
    booked: z.object({ impressions: count, spendNanos: nanos }),
    difference: z.object({ impressions: count, spendNanos: nanos }),
    statuses: z.record(z.enum(INVOICE_STATUSES), count),
  }),
  createdBy: z.string(),
  createdAt: z.string(),
});
export type InvoiceReport = z.infer<typeof invoiceReportSchema>;

/** A report in a list. */
export const invoiceSummarySchema = invoiceReportSchema.omit({ results: true });
export type InvoiceSummary = z.infer<typeof invoiceSummarySchema>;

/** Largest invoice, characters. */
export const MAX_INVOICE_CHARS = 4_000_000;

/** What is asked: one day of one exchange's invoice. */
export const reconcileInputSchema = z.strictObject({
  exchange: exchangeNameSchema,
  day: z.iso.date(),
  /** The invoice as CSV (RFC 4180) with a header. */
  invoice: z.string().min(1).max(MAX_INVOICE_CHARS),
  /** Of the invoice's days. */
  timeZone: timeZoneSchema.default('UTC'),
  /** Differences of counts and of spend up to this share count as none, hundredths of a per cent. */
  toleranceBps: z.number().int().min(0).max(10_000).default(100),
  /** Takes the lines into the books of what is owed; each once. */
  book: z.boolean().default(false),
});
export type ReconcileInput = z.infer<typeof reconcileInputSchema>;
