import { z } from 'zod';

/** Where an exchange may say that an impression is to be paid for. */
export const BILLABLE_EVENTS = ['burl', 'nurl', 'pixel'] as const;
export type BillableEvent = (typeof BILLABLE_EVENTS)[number];

/** Per-exchange settings of the edge; `at` in a request overrides `auctionType`. */
export const exchangeSettingsSchema = z.object({
  exchange: z.string(),
  /** 1 first price, 2 second price plus. */
  auctionType: z.union([z.literal(1), z.literal(2)]),
  currency: z.string(),
  /** Part of tmax that belongs to the network, milliseconds. */
  networkAllowanceMs: z.number().nonnegative(),
  defaultTmaxMs: z.number().positive(),
  priceEncoding: z.literal('plain'),
  seat: z.string(),
  /** Whether the exchange discloses the minimum price to win in its loss notices. */
  disclosesMinToWin: z.boolean(),
  /** Our vendor id in the TCF global vendor list; unset: a request under GDPR gets no bid (`no-vendor`). */
  gvlVendorId: z.number().int().positive().optional(),
  /** Which notice bills an impression: `burl` (absent), `nurl`, or the pixel in the markup. Only that one is sent with a price to pay. */
  billableEvent: z.enum(BILLABLE_EVENTS).optional(),
  /** Whether a request must carry a supply chain that reaches back to the publisher (`supply-chain-incomplete`); absent: it need not. */
  needsCompleteChain: z.boolean().optional(),
});
export type ExchangeSettings = z.infer<typeof exchangeSettingsSchema>;

/** Units of `currency` that one unit of `base` buys. */
export const fxTableSchema = z.object({
  base: z.string(),
  asOfMs: z.number(),
  rates: z.record(z.string(), z.number().positive()),
});
export type FxTable = z.infer<typeof fxTableSchema>;
