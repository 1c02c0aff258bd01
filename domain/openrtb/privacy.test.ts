import { GppModel } from '@iabgpp/cmpapi';
import { privacyVerdict } from './privacy';

const verdict = (regs: object | undefined, device: object = {}) => privacyVerdict({ regs, device }, undefined);
const GPP_USP_OPTED_OUT = 'DBACNYA~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YYN';
const CALIFORNIA = gpp('usca', { SaleOptOut: 2, SharingOptOut: 2 });
const CALIFORNIA_OPTED_OUT = gpp('usca', { SaleOptOut: 1 });

function gpp(section: string, fields: Record<string, unknown>): string {
  const model = new GppModel();
  for (const [name, value] of Object.entries(fields)) model.setFieldValue(section, name, value);
  return model.encode();
}

describe('privacy', () => {
  it.each([
    ['nothing said', undefined, {}],
    ['gdpr does not apply', { ext: { gdpr: 0 } }, {}],
    ['a notice and no opt-out', { us_privacy: '1YNN' }, {}],
    ['us_privacy does not apply', { ext: { us_privacy: '1---' } }, {}],
    ['a state law under which nobody opted out', { gpp: CALIFORNIA, gpp_sid: [8] }, {}],
    ['an opt-out under a law that is not in force', { gpp: GPP_USP_OPTED_OUT, gpp_sid: [-1] }, {}],
  ])('allows ids: %s', (_name, regs, device) => {
    expect(verdict(regs, device)).toEqual({ veto: null, mayIdentify: true, mayProfile: true, mayMeasure: true });
  });

  it.each<[string, object | undefined, object]>([
    ['dnt', undefined, { dnt: 1 }],
    ['lmt', {}, { lmt: 1 }],
    ['coppa', { coppa: 1 }, {}],
    ['coppa in its old place', { ext: { coppa: 1 } }, {}],
    ['an opt-out of sale', { us_privacy: '1YYN' }, {}],
    ['a conflict: the stricter place holds', { us_privacy: '1YNN', ext: { us_privacy: '1YYY' } }, {}],
    ['an opt-out inside GPP', { gpp: GPP_USP_OPTED_OUT, gpp_sid: [6] }, {}],
    ['an opt-out under a state law', { gpp: CALIFORNIA_OPTED_OUT, gpp_sid: [8] }, {}],
    ['an opt-out under a law of which nobody says whether it is in force', { gpp: CALIFORNIA_OPTED_OUT }, {}],
    ['a known child', { gpp: gpp('usca', { KnownChildSensitiveDataConsents: [0, 2] }), gpp_sid: [8] }, {}],
    ['global privacy control', { ext: { gpc: '1' } }, {}],
    ['an unreadable us_privacy string', { ext: { us_privacy: '1' } }, {}],
    ['a GPP string that cannot be read', { gpp: 'DBABLA', gpp_sid: [7] }, {}],
    ['a law in force without its section', { gpp: CALIFORNIA, gpp_sid: [8, 9] }, {}],
    ['a state section in force without a string', { gpp_sid: [8] }, {}],
  ])('bids without ids: %s', (_name, regs, device) => {
    expect(verdict(regs, device)).toEqual({ veto: null, mayIdentify: false, mayProfile: false, mayMeasure: true });
  });

  it.each([
    ['gdpr', { gdpr: 1 }],
    ['gdpr in its 2.5 place', { ext: { gdpr: 1 } }],
    ['a conflict: the stricter place holds', { gdpr: 0, ext: { gdpr: 1 } }],
    ['the EU section of GPP', { gpp: 'DBABMA~CPXx', gpp_sid: [2] }],
    ['coppa beside gdpr', { coppa: 1, gdpr: 1 }],
  ])('does not bid without a vendor id: %s', (_name, regs) => {
    expect(verdict(regs)).toMatchObject({ veto: 'no-vendor', mayIdentify: false, mayMeasure: false });
  });

  describe('under GDPR, with a vendor id of ours', () => {
    const text = 'COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA'; // purposes 1 to 3, vendors 2, 6, 8
    const withConsent = (user: object, vendor: number, regs: object = { gdpr: 1 }) =>
      privacyVerdict({ regs, user }, vendor);
    const asked = { veto: null, mayIdentify: true, mayProfile: false, mayMeasure: false };

    it.each([
      ['2.6', { consent: text }, { gdpr: 1 }],
      ['2.5', { ext: { consent: text } }, { ext: { gdpr: 1 } }],
      ['GPP', {}, { gpp: `DBABMA~${text}`, gpp_sid: [2] }],
    ])('bids within the purposes of a string in its place of %s', (_place, user, regs) => {
      expect(withConsent(user, 6, regs)).toEqual(asked);
    });

    it('uses no id of a child, whatever was consented to', () => {
      expect(withConsent({ consent: text }, 6, { gdpr: 1, coppa: 1 })).toEqual({ ...asked, mayIdentify: false });
    });

    it.each([
      ['our vendor id is not consented to', { consent: text }, 7],
      ['there is no string', {}, 6],
      ['the string is broken', { consent: 'Invalid' }, 6],
    ])('does not bid when %s', (_name, user, vendor) => {
      expect(withConsent(user, vendor)).toMatchObject({ veto: 'no-consent', mayIdentify: false });
    });
  });
});
