import type { CreativeOf } from '../contracts/creative';
import type { NativeAsset, NativeOffer } from '../contracts/normalised-request';
import { nativeFill, type NativeFill } from '../matching/format-fit';
import type { MarkupLinks } from './markup-links';

const IMPRESSION_EVENT = 1;
const IMAGE_METHOD = 1;

/**
 * Native response (OpenRTB Dynamic Native Ads API 1.0 to 1.2) with every asset that the creative can fill. Up to version 1.0 it is wrapped
 * in `{"native": …}`.
 */
export function nativeMarkup(creative: CreativeOf<'native'>, offer: NativeOffer, links: MarkupLinks): string {
  const assets = offer.assets.flatMap((asset) => {
    const fill = nativeFill(creative, asset);
    return fill === null ? [] : [assetOf(asset, fill, offer.version)];
  });
  const response = {
    ver: offer.version,
    assets,
    link: { url: links.clickUrl },
    ...(offer.takesEventTrackers
      ? { eventtrackers: [{ event: IMPRESSION_EVENT, method: IMAGE_METHOD, url: links.viewUrl }] }
      : { imptrackers: [links.viewUrl] }),
  };
  return JSON.stringify(offer.version === '1.0' || offer.version === '1' ? { native: response } : response);
}

function assetOf({ id, isRequired }: NativeAsset, fill: NativeFill, version: string): object {
  const head = isRequired ? { id, required: 1 } : { id };
  switch (fill.kind) {
    case 'title':
      return { ...head, title: { text: fill.text } };
    case 'data':
      // The type is said again since 1.2.
      return { ...head, data: version === '1.2' ? { type: fill.type, value: fill.value } : { value: fill.value } };
    case 'img': {
      const { url, w, h, type } = fill;
      return { ...head, img: version === '1.2' ? { type, url, w, h } : { url, w, h } };
    }
  }
}
