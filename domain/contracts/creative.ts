import { z } from 'zod';

const httpsUrl = z.url({ protocol: /^https$/ }).max(2048);
const side = z.number().int().min(1).max(8192);
const mime = z.string().regex(/^[a-z]+\/[a-z0-9.+-]+$/, 'must be a media type in lower case, such as video/mp4');

/** What the Digital Services Act wants shown with an ad, after IAB's DSA transparency extension. */
export const dsaStatementSchema = z.strictObject({
  /** On whose behalf the ad is shown, and who paid for it. */
  behalf: z.string().min(1).max(100),
  paid: z.string().min(1).max(100),
  /** Who chose this ad by which data of the user, in IAB's list of parameters: 1 profiling, 2 basic, 3 precise position. */
  transparency: z
    .array(
      z.strictObject({
        domain: z.string().min(3).max(253),
        params: z.array(z.number().int().min(1).max(500)).min(1).max(16),
      }),
    )
    .max(8)
    .default([]),
  /** The ad itself shows the statement, for publishers that cannot. */
  isRendered: z.boolean().default(false),
});
export type DsaStatement = z.infer<typeof dsaStatementSchema>;

/** What every creative has. */
const common = {
  campaignId: z.string().min(1).max(64),
  name: z.string().min(1).max(200),
  /** Where a click leads; `{CLICK_ID}` in it becomes what the advertiser sends back with a conversion. */
  landingUrl: httpsUrl,
  /** Advertiser domains as sent in `adomain`. */
  domains: z.array(z.string().min(3).max(253)).min(1).max(8),
  /** IAB Content Taxonomy 1.0 categories as sent in `cat` (cattax 1). */
  categories: z.array(z.string().min(1).max(64)).max(16).default([]),
  /** OpenRTB creative attributes, AdCOM list. */
  attributes: z.array(z.number().int().min(1).max(500)).max(32).default([]),
  /** ISO-639-1 languages of its texts; empty = it has none that a reader must know. */
  languages: z
    .array(z.string().regex(/^[a-z]{2}$/))
    .max(8)
    .default([]),
  /** API frameworks that it needs of the player or page, AdCOM list. */
  apis: z.array(z.number().int().min(1).max(500)).max(8).default([]),
  /** Bundle or store id of the app that it advertises. */
  appBundle: z.string().min(1).max(256).optional(),
  /** Without one it is not shown where the Digital Services Act demands one. */
  dsa: dsaStatementSchema.optional(),
  reviewState: z.enum(['pending', 'approved', 'rejected']).default('approved'),
};

/** One file of a video or audio ad; several of them offer the player a choice. */
export const mediaFileSchema = z.strictObject({
  url: httpsUrl,
  mime,
  /** Average bitrate, kilobits per second. */
  bitrateKbps: z.number().int().min(1).max(100_000),
  /** Pixels; 0 for audio. */
  width: z.number().int().min(0).max(8192).default(0),
  height: z.number().int().min(0).max(8192).default(0),
});
export type MediaFile = z.infer<typeof mediaFileSchema>;

const mediaFiles = z.array(mediaFileSchema).min(1).max(16);
const durationSeconds = z.number().int().min(1).max(3600);

/** Images of a native ad by the request's image type: 1 icon, 3 main. */
const nativeImageSchema = z.strictObject({
  type: z.union([z.literal(1), z.literal(3)]),
  url: httpsUrl,
  width: side,
  height: side,
});
export type NativeImage = z.infer<typeof nativeImageSchema>;

/** Texts of a native ad by the request's data type (Native 1.2, section 7.4), e.g. 1 sponsored, 2 description, 12 call to action. */
const nativeDataSchema = z.strictObject({ type: z.number().int().min(1).max(500), value: z.string().min(1).max(1000) });

const shapes = {
  banner: {
    ...common,
    type: z.literal('banner').default('banner'),
    width: z.number().int().min(1).max(4096),
    height: z.number().int().min(1).max(4096),
    /** HTML; `{CLICK_URL}` and `{LANDING_URL}` are replaced when the bid is rendered. */
    markup: z.string().min(1).max(32_768),
  },
  video: {
    ...common,
    type: z.literal('video'),
    /** Pixels that the ad was made for. */
    width: side,
    height: side,
    durationSeconds,
    mediaFiles,
  },
  audio: { ...common, type: z.literal('audio'), durationSeconds, mediaFiles },
  native: {
    ...common,
    type: z.literal('native'),
    title: z.string().min(1).max(255),
    images: z.array(nativeImageSchema).max(16).default([]),
    data: z.array(nativeDataSchema).max(24).default([]),
  },
} as const;

/** What ad ops writes: a banner with its markup, a video or an audio ad with its files, a native ad with its assets. */
export const creativeInputSchema = z.discriminatedUnion('type', [
  z.strictObject(shapes.banner),
  z.strictObject(shapes.video),
  z.strictObject(shapes.audio),
  z.strictObject(shapes.native),
]);
export type CreativeInput = z.infer<typeof creativeInputSchema>;

/** Stable `crid`. */
const creativeId = z.string().max(128);

/** A creative as stored and served. */
export const creativeSchema = z.discriminatedUnion('type', [
  z.object({ creativeId, ...shapes.banner }),
  z.object({ creativeId, ...shapes.video }),
  z.object({ creativeId, ...shapes.audio }),
  z.object({ creativeId, ...shapes.native }),
]);
export type Creative = z.infer<typeof creativeSchema>;
export type CreativeType = Creative['type'];
export type CreativeOf<T extends CreativeType> = Extract<Creative, { type: T }>;

/** Name under which creatives compete and are counted: `300x250` for a banner, else the format. */
export const sizeOf = (creative: CreativeInput): string =>
  creative.type === 'banner' ? `${creative.width}x${creative.height}` : creative.type;
