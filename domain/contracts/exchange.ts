import { z } from 'zod';

/** Where an exchange may say that an impression is to be paid for. */
export const BILLABLE_EVENTS = ['burl', 'nurl', 'pixel'] as const;
export type BillableEvent = (typeof BILLABLE_EVENTS)[number];

/**
 * How an exchange writes the clearing price into its macro: as a decimal of the bid's currency, or as micros under the pad and the
 * 4-byte signature of two HMAC-SHA1 keys that the exchange gives out (`priceKeyId` names them; edges hold them, snapshots never do).
 */
export const PRICE_ENCODINGS = ['plain', 'hmac-sha1'] as const;

/** Whether a response carries `ext.seatnonbid`: when the request asks for it (absent), always, or never. */
export const SEAT_NON_BIDS = ['asked', 'always', 'never'] as const;
export type SeatNonBidRule = (typeof SEAT_NON_BIDS)[number];

const KEY_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Per-exchange settings of the edge; `at` in a request overrides `auctionType`. */
export const exchangeSettingsSchema = z.object({
  exchange: z.string(),
  /** 1 first price, 2 second price plus. */
  auctionType: z.union([z.literal(1), z.literal(2)]),
  currency: z.string(),
  /** Part of tmax that belongs to the network, milliseconds. */
  networkAllowanceMs: z.number().nonnegative(),
  defaultTmaxMs: z.number().positive(),
  priceEncoding: z.enum(PRICE_ENCODINGS),
  /** Which of the edges' price keys; present unless prices are plain. */
  priceKeyId: z.string().regex(KEY_ID).optional(),
  seat: z.string(),
  /** Whether the exchange discloses the minimum price to win in its loss notices. */
  disclosesMinToWin: z.boolean(),
  /** Our vendor id in the TCF global vendor list; unset: a request under GDPR gets no bid (`no-vendor`). */
  gvlVendorId: z.number().int().positive().optional(),
  /** Which notice bills an impression: `burl` (absent), `nurl`, or the pixel in the markup. Only that one is sent with a price to pay. */
  billableEvent: z.enum(BILLABLE_EVENTS).optional(),
  /** Whether a request must carry a supply chain that reaches back to the publisher (`supply-chain-incomplete`); absent: it need not. */
  needsCompleteChain: z.boolean().optional(),
  seatNonBid: z.enum(SEAT_NON_BIDS).optional(),
});
export type ExchangeSettings = z.infer<typeof exchangeSettingsSchema>;

/** Name of an exchange: it stands in the path that the exchange posts to. */
export const exchangeNameSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be 1 to 32 of a-z, 0-9 and -');

/** What ad ops writes of an exchange; its name stands in the path. */
export const exchangeInputSchema = z
  .strictObject({
    ...exchangeSettingsSchema.omit({ exchange: true }).shape,
    currency: z.string().regex(/^[A-Z]{3}$/),
    networkAllowanceMs: z.number().int().min(0).max(1000),
    defaultTmaxMs: z.number().int().min(10).max(10_000),
    seat: z.string().min(1).max(64),
    gvlVendorId: z.number().int().min(1).max(65_535).optional(),
  })
  .check((ctx) => {
    const { networkAllowanceMs, defaultTmaxMs, priceEncoding, priceKeyId } = ctx.value;
    const fault = (path: string, message: string) =>
      ctx.issues.push({ code: 'custom', input: ctx.value, path: [path], message });
    if (networkAllowanceMs >= defaultTmaxMs) fault('networkAllowanceMs', 'must be less than defaultTmaxMs');
    if (priceEncoding === 'plain' && priceKeyId !== undefined) fault('priceKeyId', 'plain prices need no key');
    if (priceEncoding !== 'plain' && priceKeyId === undefined) fault('priceKeyId', 'names the key of encrypted prices');
  });
export type ExchangeInput = z.infer<typeof exchangeInputSchema>;

/** An exchange as stored: its settings and their version (ETag). */
export type Exchange = ExchangeSettings & { version: number };

/** Units of `currency` that one unit of `base` buys. */
export const fxTableSchema = z.object({
  base: z.string(),
  asOfMs: z.number(),
  rates: z.record(z.string(), z.number().positive()),
});
export type FxTable = z.infer<typeof fxTableSchema>;
