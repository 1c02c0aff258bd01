import type { DsaStatement } from '../contracts/creative';
import type { DsaDemand } from '../contracts/normalised-request';
import { numberOf, objectOf, type JsonObject } from './json-shape';

/** What the request says of the Digital Services Act, in its own place or an older one; null where it has no use for a statement. */
export function dsaDemandOf(raw: JsonObject): DsaDemand | null {
  const regs = objectOf(raw['regs']);
  if (regs === undefined) return null;
  const dsa = objectOf(regs['dsa']) ?? objectOf(objectOf(regs['ext'])?.['dsa']);
  const required = numberOf(dsa?.['dsarequired'], 0);
  // A publisher that does not say that it shows statements is taken for one that cannot.
  return required < 1 ? null : { required, publisherRenders: numberOf(dsa?.['pubrender'], 0) };
}

/** `bid.ext.dsa` as sent (IAB's DSA transparency extension). */
export interface RenderedDsa {
  behalf: string;
  paid: string;
  transparency?: { domain: string; dsaparams: number[] }[];
  /** 1 = the ad shows it, 0 = it leaves that to the publisher. */
  adrender?: 0 | 1;
}

/** A creative's statement as the request can use it: the ad shows it only where the publisher cannot. */
export function renderDsa(statement: DsaStatement, { publisherRenders }: DsaDemand): RenderedDsa {
  const { behalf, paid, transparency, isRendered } = statement;
  const rendered: RenderedDsa = { behalf, paid };
  if (transparency.length > 0)
    rendered.transparency = transparency.map(({ domain, params }) => ({ domain, dsaparams: params }));
  if (publisherRenders !== 0) rendered.adrender = 0;
  // Where neither shows it nothing is said of it: exchanges refuse a 0 beside a publisher's 0.
  else if (isRendered) rendered.adrender = 1;
  return rendered;
}
