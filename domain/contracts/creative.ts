import { z } from 'zod';

/** What ad ops writes. Narrow for now: banners with inline markup. */
export const creativeInputSchema = z.strictObject({
  campaignId: z.string().min(1).max(64),
  name: z.string().min(1).max(200),
  type: z.literal('banner').default('banner'),
  width: z.number().int().min(1).max(4096),
  height: z.number().int().min(1).max(4096),
  /** HTML; `{CLICK_URL}` and `{LANDING_URL}` are replaced when the bid is rendered. */
  markup: z.string().min(1).max(32_768),
  landingUrl: z.url({ protocol: /^https$/ }).max(2048),
  /** Advertiser domains as sent in `adomain`. */
  domains: z.array(z.string().min(3).max(253)).min(1).max(8),
  /** IAB Content Taxonomy 1.0 categories as sent in `cat` (cattax 1). */
  categories: z.array(z.string().min(1).max(64)).max(16).default([]),
  /** OpenRTB creative attributes, AdCOM list. */
  attributes: z.array(z.number().int().min(1).max(500)).max(32).default([]),
  reviewState: z.enum(['pending', 'approved', 'rejected']).default('approved'),
});
export type CreativeInput = z.infer<typeof creativeInputSchema>;

/** A creative as stored and served. `creativeId` is the stable `crid`. */
export const creativeSchema = z.object({ creativeId: z.string().max(128), ...creativeInputSchema.shape });
export type Creative = z.infer<typeof creativeSchema>;
