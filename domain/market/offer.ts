import type { Scenario } from './scenario';

/** Formats that a market sells; a scenario without shares of them sells banners alone. */
export const MARKET_FORMATS = ['banner', 'video', 'audio', 'native'] as const;
export type MarketFormat = (typeof MARKET_FORMATS)[number];

/** VAST 2.0, 3.0 and 4.0, inline (AdCOM list of creative subtypes). */
const VAST = [2, 3, 7];

/** What a native slot asks for: a title and a main image, a sponsor where there is one (Native 1.2). */
const NATIVE_REQUEST = JSON.stringify({
  ver: '1.2',
  assets: [
    { id: 1, required: 1, title: { len: 90 } },
    { id: 2, required: 1, img: { type: 3, wmin: 300, hmin: 250 } },
    { id: 3, data: { type: 1, len: 40 } },
  ],
  eventtrackers: [{ event: 1, methods: [1, 2] }],
});

/** The part of an impression that says what may be shown there. */
export function offerOf(format: MarketFormat, size: { w: number; h: number }, position: number): object {
  switch (format) {
    case 'banner':
      return { banner: { format: [size], pos: position } };
    case 'video':
      return {
        video: { mimes: ['video/mp4'], protocols: VAST, minduration: 5, maxduration: 30, w: 640, h: 360, linearity: 1 },
      };
    case 'audio':
      return { audio: { mimes: ['audio/mpeg'], protocols: VAST, minduration: 10, maxduration: 30 } };
    case 'native':
      return { native: { ver: '1.2', request: NATIVE_REQUEST } };
  }
}

/** One format's share of the market and how it is priced. */
export type FormatShare = NonNullable<Scenario['formats']>[number];
