import { privacyVerdict } from './privacy';

const verdict = (regs: object | undefined, device: object = {}) => privacyVerdict({ regs, device }, undefined);
const GPP_OPTED_OUT = 'DBACNYA~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YYN';

describe('privacy', () => {
  it.each([
    ['nothing said', undefined, {}],
    ['gdpr does not apply', { ext: { gdpr: 0 } }, {}],
    ['a notice and no opt-out', { us_privacy: '1YNN' }, {}],
    ['us_privacy does not apply', { ext: { us_privacy: '1---' } }, {}],
  ])('allows ids: %s', (_name, regs, device) => {
    expect(verdict(regs, device)).toEqual({ veto: null, mayIdentify: true });
  });

  it.each([
    ['dnt', undefined, { dnt: 1 }],
    ['lmt', {}, { lmt: 1 }],
    ['an unreadable us_privacy string', { ext: { us_privacy: '1' } }, {}],
    ['a US state section that is not decoded', { gpp: 'DBABLA~BVQqAAAAAgA.QA', gpp_sid: [7] }, {}],
    ['a state section in force without a string', { gpp_sid: [8] }, {}],
  ])('bids without ids: %s', (_name, regs, device) => {
    expect(verdict(regs, device)).toEqual({ veto: null, mayIdentify: false });
  });

  it.each([
    ['coppa', { coppa: 1 }, 'coppa'],
    ['coppa in its old place', { ext: { coppa: 1 } }, 'coppa'],
    ['gdpr', { gdpr: 1 }, 'no-consent'],
    ['gdpr in its 2.5 place', { ext: { gdpr: 1 } }, 'no-consent'],
    ['a conflict: the stricter place holds', { gdpr: 0, ext: { gdpr: 1 } }, 'no-consent'],
    ['the EU section of GPP', { gpp: 'DBABMA~CPXx', gpp_sid: [2] }, 'no-consent'],
    ['an opt-out of sale', { us_privacy: '1YYN' }, 'opted-out'],
    ['an opt-out in its 2.5 place', { us_privacy: '1YNN', ext: { us_privacy: '1YYY' } }, 'opted-out'],
    ['an opt-out inside GPP', { gpp: GPP_OPTED_OUT, gpp_sid: [6] }, 'opted-out'],
    ['global privacy control', { ext: { gpc: '1' } }, 'opted-out'],
    ['coppa before gdpr', { coppa: 1, gdpr: 1 }, 'coppa'],
  ])('does not bid: %s', (_name, regs, veto) => {
    expect(verdict(regs)).toEqual({ veto, mayIdentify: false });
  });

  describe('under GDPR, with a vendor id of ours', () => {
    const text = 'COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA'; // purposes 1 to 3, vendors 2, 6, 8
    const withConsent = (user: object, vendor: number) => privacyVerdict({ regs: { gdpr: 1 }, user }, vendor);

    it.each([
      ['our vendor id is consented to', { consent: text }, 6, { veto: null, mayIdentify: false }],
      ['the string is in its 2.5 place', { ext: { consent: text } }, 6, { veto: null, mayIdentify: false }],
      ['our vendor id is not', { consent: text }, 7, { veto: 'no-consent', mayIdentify: false }],
      ['there is no string', {}, 6, { veto: 'no-consent', mayIdentify: false }],
      ['the string is broken', { consent: 'Invalid' }, 6, { veto: 'no-consent', mayIdentify: false }],
    ])('bids contextually only when %s', (_name, user, vendor, expected) => {
      expect(withConsent(user, vendor)).toEqual(expected);
    });
  });
});
