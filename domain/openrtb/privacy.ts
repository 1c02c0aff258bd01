import { objectOf, textOf, numbersOf, type JsonObject } from './json-shape';
import { readTcfConsent } from './tcf-string';

/**
 * What the privacy signals of a request allow.
 * `veto`: the request is not bid on. `mayIdentify`: a user id may be hashed and used for caps, arms and segments.
 */
export interface PrivacyVerdict {
  veto: 'coppa' | 'no-consent' | 'opted-out' | null;
  mayIdentify: boolean;
}

/** Sections of IAB's Global Privacy Protocol: 2 = TCF EU v2, 6 = us_privacy; 7 and above = US states. */
const GPP_TCF_EU = 2;
const GPP_US_PRIVACY = 6;

const ALLOWED: PrivacyVerdict = { veto: null, mayIdentify: true };
const CONTEXTUAL: PrivacyVerdict = { veto: null, mayIdentify: false };
const vetoed = (veto: NonNullable<PrivacyVerdict['veto']>): PrivacyVerdict => ({ veto, mayIdentify: false });

/**
 * Privacy by rule, strictest signal first; 2.6 members and their 2.5 places in `ext` count alike, and where they conflict the
 * stricter one holds.
 * 1. coppa = 1: no bid.
 * 2. gdpr = 1, or GPP with the EU section in force: no bid unless the TC string consents to our vendor id (`gvlVendorId` of the exchange;
 *    unset, consent cannot be shown) and to purposes 1 and 2; without purposes 3 and 4 contextual bidding only.
 * 3. An opt-out by us_privacy, by GPP's section 6 or by gpc: no bid.
 * 4. dnt or lmt, an unreadable us_privacy string, or a GPP section that is not decoded here: contextual bidding, no user key.
 * Missing signals are unknown, not false: they forbid nothing by themselves.
 */
export function privacyVerdict(raw: JsonObject, gvlVendorId: number | undefined): PrivacyVerdict {
  const regs = objectOf(raw['regs']);
  const device = objectOf(raw['device']);
  const limited = device !== undefined && (device['dnt'] === 1 || device['lmt'] === 1);
  if (regs === undefined) return limited ? CONTEXTUAL : ALLOWED;
  const ext = objectOf(regs['ext']);
  if (isOne(regs['coppa']) || isOne(ext?.['coppa'])) return vetoed('coppa');
  const gppSections = [...numbersOf(regs['gpp_sid']), ...numbersOf(ext?.['gpp_sid'])];
  const isEu = isOne(regs['gdpr']) || isOne(ext?.['gdpr']) || gppSections.includes(GPP_TCF_EU);
  const consent = isEu ? tcfVerdict(objectOf(raw['user']), gvlVendorId) : ALLOWED;
  if (consent.veto !== null) return consent;
  const signals = [
    usPrivacy(textOf(regs['us_privacy'])),
    usPrivacy(textOf(ext?.['us_privacy'])),
    gppPrivacy(textOf(regs['gpp']), gppSections),
    gppPrivacy(textOf(ext?.['gpp']), gppSections),
    isOne(regs['gpc']) || isOne(ext?.['gpc']) ? 'opted-out' : 'silent',
  ];
  if (signals.includes('opted-out')) return vetoed('opted-out');
  return limited || !consent.mayIdentify || signals.includes('unclear') ? CONTEXTUAL : ALLOWED;
}

/** TCF purposes: 1 storage, 2 basic ads, 3 profiles, 4 personalised ads. */
function tcfVerdict(user: JsonObject | undefined, gvlVendorId: number | undefined): PrivacyVerdict {
  const text = textOf(user?.['consent']) || textOf(objectOf(user?.['ext'])?.['consent']);
  const consent = gvlVendorId === undefined || text === '' ? null : readTcfConsent(text, gvlVendorId);
  if (consent === null || !consent.hasVendor) return vetoed('no-consent');
  if (!consent.purposes.has(1) || !consent.purposes.has(2)) return vetoed('no-consent');
  return consent.purposes.has(3) && consent.purposes.has(4) ? ALLOWED : CONTEXTUAL;
}

type Signal = 'silent' | 'allowed' | 'opted-out' | 'unclear';

const isOne = (value: unknown): boolean => value === 1 || value === '1' || value === true;

/** CCPA string, e.g. `1YNN`: version, notice given, opt-out of sale, limited service provider agreement. */
function usPrivacy(text: string): Signal {
  if (text === '') return 'silent';
  if (!isUsPrivacy(text)) return 'unclear';
  return text[2] === 'Y' || text[2] === 'y' ? 'opted-out' : 'allowed';
}

function isUsPrivacy(text: string): boolean {
  if (text.length !== 4 || text[0] !== '1') return false;
  for (let i = 1; i < 4; i += 1) if (!'YNyn-'.includes(text[i] ?? '')) return false;
  return true;
}

/** Of a GPP string only section 6 is plain text; a string with other sections in force stays unclear. */
function gppPrivacy(text: string, sections: readonly number[]): Signal {
  if (text === '') return sections.some((section) => section > GPP_US_PRIVACY) ? 'unclear' : 'silent';
  const parts = text.split('~');
  let signal: Signal = 'silent';
  for (let i = 1; i < parts.length; i += 1) {
    const part = parts[i] ?? '';
    if (!isUsPrivacy(part)) continue;
    if (usPrivacy(part) === 'opted-out') return 'opted-out';
    signal = 'allowed';
  }
  const isDecoded = sections.length > 0 && sections.every((section) => section === GPP_US_PRIVACY);
  return isDecoded && signal === 'allowed' ? 'allowed' : 'unclear';
}
