import type { DsaStatement } from '../contracts/creative';
import type { DsaDemand } from '../contracts/normalised-request';
import { numberOf, objectOf, type JsonObject } from './json-shape';

/** Values of `datatopub` (IAB's DSA transparency extension). */
const DATA_UNWANTED = 0;
const DATA_AS_WE_LIKE = 1;
const DATA_WANTED = 2;

/** What is no value of the list is taken for none at all. */
const dataWanted = (said: number): 0 | 1 | 2 =>
  said === DATA_UNWANTED || said === DATA_WANTED ? said : DATA_AS_WE_LIKE;

/** What the request says of the Digital Services Act, in its own place or an older one; null where it has no use for a statement. */
export function dsaDemandOf(raw: JsonObject): DsaDemand | null {
  const regs = objectOf(raw['regs']);
  if (regs === undefined) return null;
  const dsa = objectOf(regs['dsa']) ?? objectOf(objectOf(regs['ext'])?.['dsa']);
  const required = numberOf(dsa?.['dsarequired'], 0);
  const dataToPublisher = dataWanted(numberOf(dsa?.['datatopub'], DATA_AS_WE_LIKE));
  if (required < 1 && dataToPublisher !== DATA_WANTED) return null;
  // A publisher that does not say that it shows statements is taken for one that cannot.
  return { required, publisherRenders: numberOf(dsa?.['pubrender'], 0), dataToPublisher };
}

/** `bid.ext.dsa` as sent (IAB's DSA transparency extension). */
export interface RenderedDsa {
  behalf: string;
  paid: string;
  transparency?: { domain: string; dsaparams: number[] }[];
  /** 1 = the ad shows it, 0 = it leaves that to the publisher. */
  adrender?: 0 | 1;
}

/**
 * A creative's statement as the request can use it: the ad shows it only where the publisher cannot, and who used which of the
 * user's data is told unless nobody wants it. A publisher that shows the statement wants it, whatever it says of its audits.
 */
export function renderDsa(statement: DsaStatement, { publisherRenders, dataToPublisher }: DsaDemand): RenderedDsa {
  const { behalf, paid, transparency, isRendered } = statement;
  const rendered: RenderedDsa = { behalf, paid };
  const isUnwanted = dataToPublisher === DATA_UNWANTED && publisherRenders === 0;
  if (transparency.length > 0 && !isUnwanted)
    rendered.transparency = transparency.map(({ domain, params }) => ({ domain, dsaparams: params }));
  if (publisherRenders !== 0) rendered.adrender = 0;
  // Where neither shows it nothing is said of it: exchanges refuse a 0 beside a publisher's 0.
  else if (isRendered) rendered.adrender = 1;
  return rendered;
}
