/** What an exchange needs of the first bid of a response. */
export interface ReceivedBid {
  bidId: string;
  creativeId: string;
  priceMicros: number;
  nurl: string;
  burl: string;
  lurl: string;
  /** Paths of the click and conversion notices at the bidder, from the markup; null without one. */
  clickPath: string | null;
}

interface SentBid {
  id?: unknown;
  crid?: unknown;
  price?: unknown;
  nurl?: unknown;
  burl?: unknown;
  lurl?: unknown;
  adm?: unknown;
}

const CLICK_MARK = '/n/click?';
/** What ends a URL in an HTML attribute or in JavaScript. */
const URL_END = /["'\s<>\\]/;

/** First bid of an OpenRTB 2.6 response body; null when it holds none that an exchange could use. */
export function readBid(body: string): ReceivedBid | null {
  let response: { seatbid?: { bid?: SentBid[] }[] } | null;
  try {
    response = JSON.parse(body) as typeof response;
  } catch {
    return null; // An exchange counts an unreadable answer as invalid; the caller does.
  }
  const bid = response?.seatbid?.[0]?.bid?.[0];
  if (bid === undefined || typeof bid.id !== 'string' || typeof bid.price !== 'number' || !(bid.price > 0)) return null;
  return {
    bidId: bid.id,
    creativeId: textOf(bid.crid),
    priceMicros: Math.round(bid.price * 1e6),
    nurl: textOf(bid.nurl),
    burl: textOf(bid.burl),
    lurl: textOf(bid.lurl),
    clickPath: clickPathOf(textOf(bid.adm)),
  };
}

/** Path and query of a notice URL. TLS in front of an edge is not simulated: all notices go to the edge that bid. */
export function pathOf(url: string): string {
  const host = url.indexOf('//');
  const slash = url.indexOf('/', host < 0 ? 0 : host + 2);
  return slash < 0 ? '/' : url.slice(slash);
}

/** Fills the macros of OpenRTB 2.6, section 4.4, that notices use; prices in USD per mille, with all their digits. */
export function fillMacros(url: string, priceMicros: number, minToWinMicros: number | null, loss: number): string {
  return url
    .replaceAll('${AUCTION_PRICE}', String(priceMicros / 1e6))
    .replaceAll('${AUCTION_MIN_TO_WIN}', minToWinMicros === null ? '' : String(minToWinMicros / 1e6))
    .replaceAll('${AUCTION_LOSS}', String(loss));
}

function clickPathOf(markup: string): string | null {
  const at = markup.indexOf(CLICK_MARK);
  if (at < 0) return null;
  const rest = markup.slice(at);
  const end = rest.search(URL_END);
  return (end < 0 ? rest : rest.slice(0, end)).replaceAll('&amp;', '&');
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
