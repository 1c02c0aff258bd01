import { z } from 'zod';

const MINUTE_MS = 60_000;
/** Longest window that a campaign may set, minutes: 90 days. */
export const MAX_ATTRIBUTION_MINUTES = 129_600;

/** For how long after a click, or after an ad was shown without one, a conversion counts for a campaign. */
export const attributionSchema = z
  .strictObject({
    /** Minutes after the click; 30 days. */
    clickMinutes: z.number().int().min(1).max(MAX_ATTRIBUTION_MINUTES).default(43_200),
    /** Minutes after the impression when nobody clicked; a day. 0 = conversions without a click never count. */
    viewMinutes: z.number().int().min(0).max(43_200).default(1_440),
  })
  .prefault({});
export type AttributionWindows = z.infer<typeof attributionSchema>;

/** What is known of how a person met the ad before the conversion. */
export interface KnownTouches {
  decidedAtMs: number;
  /** When the click was heard, as a click's own token says; null without one. */
  clickedAtMs: number | null;
  /** Whether a click was heard at all. */
  hasClick: boolean;
}

/** What a conversion is ascribed to, and whether it came in time; `touchedAtMs` is no later than the touch really was. */
export interface Attribution {
  touch: 'click' | 'view';
  touchedAtMs: number;
  windowMs: number;
  isWithin: boolean;
}

/** Whether a conversion at `atMs` counts: the rule of the edge and of the lake. A clock that runs behind makes nothing late. */
export const isWithinWindow = ({ touchedAtMs, windowMs }: { touchedAtMs: number; windowMs: number }, atMs: number) =>
  windowMs > 0 && atMs - touchedAtMs <= windowMs;

/**
 * Ascribes a conversion to the click, or else to the view. Where the time of the touch is not known the decision's stands for it,
 * which is earlier: a conversion that cannot be proven to be in time does not count.
 */
export function attribute(touches: KnownTouches, windows: AttributionWindows, atMs: number): Attribution {
  const { clickedAtMs, decidedAtMs, hasClick } = touches;
  const click = { touchedAtMs: clickedAtMs ?? decidedAtMs, windowMs: windows.clickMinutes * MINUTE_MS };
  const view = { touchedAtMs: decidedAtMs, windowMs: windows.viewMinutes * MINUTE_MS };
  if (clickedAtMs !== null || hasClick) {
    if (isWithinWindow(click, atMs)) return { touch: 'click', ...click, isWithin: true };
    // A window after views may be the longer one: who clicked has seen.
    if (!isWithinWindow(view, atMs)) return { touch: 'click', ...click, isWithin: false };
  }
  return { touch: 'view', ...view, isWithin: isWithinWindow(view, atMs) };
}
