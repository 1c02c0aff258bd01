import { generateKeyPairSync, sign } from 'node:crypto';
import { turnsDuring } from '../../../../test/fixtures/turns';
import { largeSnapshot } from '../../../../test/fixtures/large-snapshot';
import { readPayload } from './read-payload';
import { KeyRing } from './verify-signed';

const pair = generateKeyPairSync('ed25519');
const keys = new KeyRing(new Map([['test', pair.publicKey.export({ type: 'spki', format: 'pem' }) as string]]));
const bundle = (payload: unknown): string => {
  const text = JSON.stringify(payload);
  const signature = sign(null, Buffer.from(text), pair.privateKey).toString('base64url');
  return JSON.stringify({ payload: text, keyId: 'test', algorithm: 'ed25519', signature });
};
const good = largeSnapshot(130, 2);

describe('readPayload', () => {
  it('reads a snapshot of several slices as it was signed, in order', async () => {
    expect(await readPayload(bundle(good), keys)).toEqual(good);
  });

  it.each([
    [
      'a campaign in the second slice',
      { campaigns: good.campaigns.map((one, at) => (at === 123 ? { ...one, name: 7 } : one)) },
      '/campaigns/123/name',
    ],
    [
      'a creative in the third',
      { creatives: good.creatives.map((one, at) => (at === 207 ? null : one)) },
      '/creatives/207',
    ],
    ['campaigns that are no list', { campaigns: {} }, '/campaigns'],
    ['no creatives', { creatives: undefined }, '/creatives'],
    ['another schema', { schemaVersion: 2 }, '/schemaVersion'],
  ])('names what is wrong and where: %s', async (_what, over, pointer) => {
    const refused = readPayload(bundle({ ...good, ...over }), keys);
    await expect(refused).rejects.toMatchObject({ code: 'SCHEMA', version: good.version });
    await expect(refused).rejects.toMatchObject({
      detail: expect.stringMatching(new RegExp(`^${pointer} `)) as string,
    });
  });

  it.each([['null'], ['7'], ['[]']])('refuses %s, signed or not', async (text) => {
    await expect(readPayload(bundle(JSON.parse(text)), keys)).rejects.toMatchObject({ code: 'SCHEMA' });
    await expect(readPayload(text, keys)).rejects.toMatchObject({ code: 'BAD_SIGNATURE' });
  });

  it('lets others have their turn while it reads', async () => {
    const turns = await turnsDuring(() => readPayload(bundle(largeSnapshot(600, 3)), keys));
    expect(turns).toBeGreaterThan(3);
  });
});
