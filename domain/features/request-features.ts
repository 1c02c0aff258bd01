import type { NormalisedImpression, NormalisedRequest } from '../contracts/normalised-request';
import type { FeatureDefinition } from './feature-definitions';

/** What a feature of the request may be made of; all of it is in the decision record. */
export interface RequestMoment {
  readonly request: NormalisedRequest;
  readonly impression: NormalisedImpression;
  readonly nowMs: number;
}

/** A feature that needs no store: read off the normalised request, at the edge and from a record alike. */
export interface RequestFeature extends FeatureDefinition {
  read(moment: RequestMoment): string | number | boolean;
}

const HOUR_MS = 3_600_000;
const ofRequest = { source: 'request', ttlMs: null, privacy: 'contextual' } as const;
const device = { ...ofRequest, entity: 'device' } as const;
const context = { ...ofRequest, entity: 'context' } as const;

/** Of the device, as far as the request says without naming it: no address, no id, no fingerprint. */
export const DEVICE_FEATURES: readonly RequestFeature[] = [
  { name: 'deviceType', ...device, type: 'category', unit: 'AdCOM', read: ({ request }) => request.deviceType },
  { name: 'os', ...device, type: 'category', unit: 'name', read: ({ request }) => request.os },
  { name: 'isMobile', ...device, type: 'flag', unit: '', read: ({ request }) => request.isMobile },
  { name: 'language', ...device, type: 'category', unit: 'ISO 639-1', read: ({ request }) => request.language },
];

/** Of the place and the moment. */
export const CONTEXT_FEATURES: readonly RequestFeature[] = [
  { name: 'exchange', ...context, type: 'category', unit: 'name', read: ({ request }) => request.exchange },
  { name: 'channel', ...context, type: 'category', unit: 'name', read: ({ request }) => request.channel },
  { name: 'publisher', ...context, type: 'category', unit: 'name', read: ({ request }) => request.publisher },
  { name: 'country', ...context, type: 'category', unit: 'ISO 3166-1', read: ({ request }) => request.country },
  { name: 'auctionType', ...context, type: 'category', unit: 'OpenRTB', read: ({ request }) => request.auctionType },
  {
    name: 'placement',
    ...context,
    type: 'category',
    unit: 'name',
    read: ({ impression }) => impression.placement ?? '',
  },
  { name: 'position', ...context, type: 'category', unit: 'AdCOM', read: ({ impression }) => impression.position },
  { name: 'floor', ...context, type: 'number', unit: 'CPM micros', read: ({ impression }) => impression.floorMicros },
  { name: 'width', ...context, type: 'number', unit: 'px', read: ({ impression }) => impression.sizes[0]?.w ?? 0 },
  { name: 'height', ...context, type: 'number', unit: 'px', read: ({ impression }) => impression.sizes[0]?.h ?? 0 },
  {
    ...{ name: 'hourOfWeek', ...context, type: 'category', unit: 'UTC hour, Monday 0 = 0', source: 'clock' },
    // 1 January 1970 was a Thursday: 72 hours after a Monday's first.
    read: ({ nowMs }) => (((Math.floor(nowMs / HOUR_MS) + 72) % 168) + 168) % 168,
  },
];

/** Values of a list of features for one impression, by name. */
export function readRequestFeatures(
  features: readonly RequestFeature[],
  moment: RequestMoment,
): Record<string, string | number | boolean> {
  return Object.fromEntries(features.map((feature) => [feature.name, feature.read(moment)]));
}
