import { hashUser } from '../../test/fixtures/decision-scene';
import { demoSnapshot, exchangeOf } from '../../test/fixtures/demo-snapshot';
import type { NormalisedImpression } from '../contracts/normalised-request';
import { normaliseRequest } from '../openrtb';
import { CONTEXT_FEATURES, DEVICE_FEATURES, readRequestFeatures } from './request-features';

describe('features of a request', () => {
  const raw = {
    id: 'r',
    app: { bundle: 'com.example.game' },
    device: { devicetype: 4, os: 'Android', ifa: 'secret', ip: '203.0.113.9', geo: { country: 'DEU' } },
    imp: [{ id: '1', bidfloor: 0.25, banner: { w: 320, h: 50, pos: 1 } }],
  };
  const { fx, layerSalt } = demoSnapshot();
  const request = normaliseRequest(raw, exchangeOf(), fx, hashUser, layerSalt);
  const impression = request.impressions[0] as NormalisedImpression;
  // A Saturday.
  const moment = { request, impression, nowMs: Date.UTC(2026, 10, 28, 6, 59) };

  it('describe the device without naming it', () => {
    const values = readRequestFeatures(DEVICE_FEATURES, moment);
    expect(values).toEqual({ deviceType: 4, os: request.os, isMobile: true, language: '' });
    expect(JSON.stringify(values)).not.toMatch(/secret|203/);
  });

  it('describe the place and the hour', () => {
    expect(readRequestFeatures(CONTEXT_FEATURES, moment)).toMatchObject({
      ...{ channel: 'app', publisher: 'com.example.game', country: 'DEU', position: 1, floor: 250_000 },
      ...{ width: 320, height: 50, hourOfWeek: 5 * 24 + 6 },
    });
  });
});
