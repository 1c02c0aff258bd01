import { gppSections } from './gpp-string';
import { objectOf, textOf, numbersOf, type JsonObject } from './json-shape';
import { readTcfConsent } from './tcf-string';
import { readUsSection, type UsSignal } from './us-section';

/** What the privacy signals of a request allow. */
export interface PrivacyVerdict {
  /** The request is not bid on: `no-vendor` = GDPR applies and the exchange has no vendor id of ours. */
  veto: 'no-vendor' | 'no-consent' | null;
  /** A user id may be hashed and used for caps and arms. */
  mayIdentify: boolean;
  /** What is known of the user may be read and learnt from (TCF purposes 3 and 4). */
  mayProfile: boolean;
  /** Clicks and conversions may be ascribed to the ad (TCF purpose 7). */
  mayMeasure: boolean;
}

/** Sections of IAB's Global Privacy Protocol: 2 = TCF EU v2, 5 = TCF Canada, 6 = us_privacy; 7 and above = US laws. */
const GPP_TCF_EU = 2;
const GPP_US_PRIVACY = 6;

const ALLOWED: PrivacyVerdict = { veto: null, mayIdentify: true, mayProfile: true, mayMeasure: true };
const CONTEXTUAL: PrivacyVerdict = { veto: null, mayIdentify: false, mayProfile: false, mayMeasure: true };
const vetoed = (veto: NonNullable<PrivacyVerdict['veto']>): PrivacyVerdict => ({
  veto,
  mayIdentify: false,
  mayProfile: false,
  mayMeasure: false,
});

/**
 * Privacy by rule; 2.6 members and their 2.5 places in `ext` count alike, and where they conflict the stricter one holds.
 * 1. gdpr = 1, or GPP with the EU section in force: no bid unless the TC string consents to our vendor id (`gvlVendorId` of the exchange;
 *    unset, consent cannot be shown) and to purposes 1 and 2; without 3 and 4 no profile, without 7 no measurement.
 * 2. coppa = 1, dnt, lmt, an opt-out by us_privacy, by a US section of GPP or by gpc, a known child, and whatever cannot be read:
 *    contextual bidding, no user key.
 * Missing signals are unknown, not false: they forbid nothing by themselves.
 */
export function privacyVerdict(raw: JsonObject, gvlVendorId: number | undefined): PrivacyVerdict {
  const regs = objectOf(raw['regs']);
  const device = objectOf(raw['device']);
  const isLimited = device !== undefined && (isOne(device['dnt']) || isOne(device['lmt']));
  if (regs === undefined) return isLimited ? CONTEXTUAL : ALLOWED;
  const ext = objectOf(regs['ext']);
  const places = ext === undefined ? [regs] : [regs, ext];
  const inForce = places.flatMap((place) => numbersOf(place['gpp_sid']));
  const strings = places.map((place) => textOf(place['gpp'])).filter((text) => text !== '');
  const isEu = places.some((place) => isOne(place['gdpr'])) || inForce.includes(GPP_TCF_EU);
  const consent = isEu ? tcfVerdict(consentText(raw, strings), gvlVendorId) : ALLOWED;
  if (consent.veto !== null) return consent;
  const isContextual =
    isLimited ||
    places.some((place) => isOne(place['coppa']) || isOne(place['gpc'])) ||
    places.some((place) => usPrivacy(textOf(place['us_privacy'])) !== 'allowed') ||
    strings.some((text) => gppSignal(text, inForce) !== 'allowed') ||
    (strings.length === 0 && inForce.some((section) => section > GPP_US_PRIVACY));
  return isContextual ? { ...CONTEXTUAL, mayMeasure: consent.mayMeasure } : consent;
}

/** The TC string, from 2.6's place, 2.5's, or the EU section of a GPP string. */
function consentText(raw: JsonObject, strings: readonly string[]): string {
  const user = objectOf(raw['user']);
  const text = textOf(user?.['consent']) || textOf(objectOf(user?.['ext'])?.['consent']);
  if (text !== '') return text;
  for (const gpp of strings) {
    const section = gppSections(gpp)?.get(GPP_TCF_EU);
    if (section !== undefined) return section;
  }
  return '';
}

/** TCF purposes: 1 storage, 2 basic ads and their caps, 3 profiles, 4 personalised ads, 7 measurement. */
function tcfVerdict(text: string, gvlVendorId: number | undefined): PrivacyVerdict {
  if (gvlVendorId === undefined) return vetoed('no-vendor');
  const consent = text === '' ? null : readTcfConsent(text, gvlVendorId);
  if (consent === null || !consent.hasVendor) return vetoed('no-consent');
  const { purposes } = consent;
  if (!purposes.has(1) || !purposes.has(2)) return vetoed('no-consent');
  return {
    veto: null,
    mayIdentify: true,
    mayProfile: purposes.has(3) && purposes.has(4),
    mayMeasure: purposes.has(7),
  };
}

const isOne = (value: unknown): boolean => value === 1 || value === '1' || value === true;

/** CCPA string, e.g. `1YNN`: version, notice given, opt-out of sale, limited service provider agreement. */
function usPrivacy(text: string): UsSignal {
  if (text === '') return 'allowed';
  if (!/^1[YN-]{3}$/i.test(text)) return 'unclear';
  return text[2] === 'Y' || text[2] === 'y' ? 'opted-out' : 'allowed';
}

/** The strictest of the sections in force; without `gpp_sid` nobody knows which are, so all of the string count. */
function gppSignal(text: string, inForce: readonly number[]): UsSignal {
  const sections = gppSections(text);
  if (sections === null) return 'unclear';
  const ids = inForce.length > 0 ? inForce : [...sections.keys()];
  for (const id of ids) {
    if (id <= 0 || id === GPP_TCF_EU) continue;
    const section = sections.get(id);
    const signal =
      section === undefined ? 'unclear' : id === GPP_US_PRIVACY ? usPrivacy(section) : readUsSection(id, section);
    if (signal !== 'allowed') return signal;
  }
  return 'allowed';
}
