import type {
  DealOffer,
  ImpressionVeto,
  MediaOffer,
  NativeOffer,
  NormalisedImpression,
  NormalisedRequest,
  RequestVeto,
} from '../normalised-request';
import { entryOf, type ByteReader } from './byte-reader';
import type { ByteWriter } from './byte-writer';

/** Order is part of the format: append only. */
const CHANNELS = ['site', 'app', 'dooh'] as const;

function flagsOf(flags: readonly boolean[]): number {
  let bits = 0;
  for (let at = 0; at < flags.length; at += 1) if (flags[at] === true) bits |= 1 << at;
  return bits;
}
const hasFlag = (flags: number, at: number): boolean => (flags & (1 << at)) !== 0;

/** Every field that this version of the edge writes, the ones that older records lack included. */
export type WholeRequest = Required<NormalisedRequest> & { impressions: WholeImpression[] };
type WholeImpression = Required<NormalisedImpression>;

/** Whether a request has every field: one that an older edge normalised has not. */
export function isWhole(request: NormalisedRequest): request is WholeRequest {
  const { consent, supplyChain, blockedApps, allowedLanguages, dsa } = request;
  if (consent === undefined || supplyChain === undefined || dsa === undefined) return false;
  if (dsa !== null && dsa.dataToPublisher === undefined) return false;
  if (blockedApps === undefined || allowedLanguages === undefined) return false;
  return request.impressions.every(
    (one) =>
      one.apis !== undefined &&
      one.video !== undefined &&
      one.audio !== undefined &&
      one.native !== undefined &&
      one.isRewarded !== undefined &&
      one.deals !== undefined &&
      one.isDealsOnly !== undefined &&
      one.placement !== undefined &&
      one.quantity !== undefined &&
      one.expirySeconds !== undefined,
  );
}

export function packRequest(writer: ByteWriter, request: WholeRequest): void {
  const { consent, supplyChain, dsa } = request;
  writer.text(request.requestId);
  writer.text(request.exchange);
  writer.byte(request.auctionType);
  writer.number(request.tmaxMs);
  const { profile, measure } = consent;
  // Two flags for the rare answers of three: records from before them say the common one.
  const ofData = [dsa?.dataToPublisher === 0, dsa?.dataToPublisher === 2];
  writer.byte(flagsOf([request.isTest, request.isMobile, profile, measure, dsa !== null, ...ofData]));
  if (dsa !== null) {
    writer.number(dsa.required);
    writer.number(dsa.publisherRenders);
  }
  writer.whole(supplyChain === null ? 0 : 1 + supplyChain.hops * 2 + (supplyChain.isComplete ? 1 : 0));
  writer.texts(request.currencies);
  writer.text(request.bidCurrency);
  writer.byte(CHANNELS.indexOf(request.channel));
  writer.text(request.publisher);
  writer.text(request.language);
  writer.text(request.country);
  writer.number(request.deviceType);
  writer.text(request.os);
  writer.nullable(request.userKey);
  writer.whole(request.userBucket === null ? 0 : request.userBucket + 1);
  writer.texts(request.segments);
  writer.texts(request.contentCategories);
  writer.texts(request.blockedCategories);
  writer.texts(request.allowedCategories);
  writer.texts(request.blockedAdvertisers);
  writer.texts(request.blockedApps);
  writer.texts(request.allowedLanguages);
  writer.texts(request.allowedSeats);
  writer.texts(request.blockedSeats);
  writer.nullable(request.veto);
  writer.whole(request.impressions.length);
  for (const impression of request.impressions) packImpression(writer, impression);
}

function packImpression(writer: ByteWriter, impression: WholeImpression): void {
  const { video, audio, native, deals, expirySeconds } = impression;
  writer.text(impression.impId);
  writer.whole(impression.sizes.length);
  for (const { w, h } of impression.sizes) {
    writer.number(w);
    writer.number(h);
  }
  writer.nullable(impression.veto);
  writer.number(impression.floorMicros);
  const { isSecure, isInterstitial, isRewarded, isDealsOnly } = impression;
  writer.byte(flagsOf([isSecure, isInterstitial, isRewarded, isDealsOnly]));
  writer.number(impression.position);
  writer.numbers(impression.blockedAttributes);
  writer.numbers(impression.blockedTypes);
  writer.texts(impression.mimes);
  writer.numbers(impression.apis);
  writer.text(impression.placement);
  writer.number(impression.quantity);
  // Rare: not there at all where they say nothing, the deep ones as JSON. Order and flags are part of the format: append only.
  writer.byte(flagsOf([video !== null, audio !== null, native !== null, deals.length > 0, expirySeconds > 0]));
  if (video !== null) writer.text(JSON.stringify(video));
  if (audio !== null) writer.text(JSON.stringify(audio));
  if (native !== null) writer.text(JSON.stringify(native));
  if (deals.length > 0) writer.text(JSON.stringify(deals));
  if (expirySeconds > 0) writer.number(expirySeconds);
}

export function unpackRequest(reader: ByteReader): WholeRequest {
  const requestId = reader.text();
  const exchange = reader.text();
  const auctionType = reader.byte() as 1 | 2;
  const tmaxMs = reader.number();
  const flags = reader.byte();
  const dataToPublisher = hasFlag(flags, 5) ? 0 : hasFlag(flags, 6) ? 2 : 1;
  const dsa: WholeRequest['dsa'] = hasFlag(flags, 4)
    ? { required: reader.number(), publisherRenders: reader.number(), dataToPublisher }
    : null;
  const chain = reader.whole();
  const nullableWhole = (value: number): number | null => (value === 0 ? null : value - 1);
  return {
    requestId,
    exchange,
    auctionType,
    tmaxMs,
    isTest: hasFlag(flags, 0),
    supplyChain: chain === 0 ? null : { isComplete: (chain - 1) % 2 === 1, hops: Math.floor((chain - 1) / 2) },
    currencies: reader.texts(),
    bidCurrency: reader.text(),
    channel: entryOf(CHANNELS, reader.byte()),
    publisher: reader.text(),
    language: reader.text(),
    country: reader.text(),
    deviceType: reader.number(),
    os: reader.text(),
    isMobile: hasFlag(flags, 1),
    userKey: reader.nullable(),
    userBucket: nullableWhole(reader.whole()),
    segments: reader.texts(),
    consent: { profile: hasFlag(flags, 2), measure: hasFlag(flags, 3) },
    contentCategories: reader.texts(),
    blockedCategories: reader.texts(),
    allowedCategories: reader.texts(),
    blockedAdvertisers: reader.texts(),
    blockedApps: reader.texts(),
    allowedLanguages: reader.texts(),
    allowedSeats: reader.texts(),
    blockedSeats: reader.texts(),
    dsa,
    veto: reader.nullable() as RequestVeto | null,
    impressions: reader.list(() => unpackImpression(reader)),
  };
}

function unpackImpression(reader: ByteReader): WholeImpression {
  const impId = reader.text();
  const sizes = reader.list(() => ({ w: reader.number(), h: reader.number() }));
  const veto = reader.nullable() as ImpressionVeto | null;
  const floorMicros = reader.number();
  const flags = reader.byte();
  const position = reader.number();
  const blockedAttributes = reader.numbers();
  const blockedTypes = reader.numbers();
  const mimes = reader.texts();
  const apis = reader.numbers();
  const placement = reader.text();
  const quantity = reader.number();
  const rare = reader.byte();
  const json = <T>(at: number): T | null => (hasFlag(rare, at) ? (JSON.parse(reader.text()) as T) : null);
  return {
    ...{ impId, sizes, veto, floorMicros },
    isSecure: hasFlag(flags, 0),
    isInterstitial: hasFlag(flags, 1),
    ...{ position, blockedAttributes, blockedTypes, mimes, apis },
    video: json<MediaOffer>(0),
    audio: json<MediaOffer>(1),
    native: json<NativeOffer>(2),
    isRewarded: hasFlag(flags, 2),
    deals: json<DealOffer[]>(3) ?? [],
    isDealsOnly: hasFlag(flags, 3),
    placement,
    quantity,
    expirySeconds: hasFlag(rare, 4) ? reader.number() : 0,
  };
}
