import { dsaDemandOf, renderDsa } from './dsa';

describe('the DSA demand of a request', () => {
  it.each([
    [null, {}],
    [null, { regs: { dsa: { dsarequired: 0, pubrender: 2 } } }],
    [null, { regs: { dsa: { dsarequired: 'yes' } } }],
    [null, { regs: { dsa: { dsarequired: 0, datatopub: 1 } } }],
    [
      { required: 1, publisherRenders: 2, dataToPublisher: 1 },
      { regs: { ext: { dsa: { dsarequired: 1, pubrender: 2 } } } },
    ],
    [{ required: 3, publisherRenders: 0, dataToPublisher: 0 }, { regs: { dsa: { dsarequired: 3, datatopub: 0 } } }],
    // For audits, where no statement is required.
    [{ required: 0, publisherRenders: 0, dataToPublisher: 2 }, { regs: { dsa: { datatopub: 2 } } }],
    [{ required: 2, publisherRenders: 0, dataToPublisher: 1 }, { regs: { dsa: { dsarequired: 2, datatopub: 7 } } }],
  ])('is %j of %j', (demand, raw) => expect(dsaDemandOf(raw)).toEqual(demand));
});

describe('the DSA statement of a bid', () => {
  const statement = { behalf: 'Shop', paid: 'Agency', transparency: [], isRendered: true };
  const rendererOf = (publisherRenders: number, isRendered: boolean) =>
    renderDsa({ ...statement, isRendered }, { required: 2, publisherRenders }).adrender;

  it('is shown by the ad only where the publisher cannot', () => {
    expect([0, 1, 2].map((renders) => rendererOf(renders, true))).toEqual([1, 0, 0]);
    expect([0, 1, 2].map((renders) => rendererOf(renders, false))).toEqual([undefined, 0, 0]);
  });

  it.each([
    [0, 0, false],
    [1, 0, true],
    [2, 0, true],
    [undefined, 0, true],
    [0, 1, true],
    [0, 2, true],
  ] as const)('with datatopub %p and pubrender %p tells who used data of the user: %p', (data, renders, isTold) => {
    const own = { ...statement, transparency: [{ domain: 'dsp.example', params: [1] }] };
    const demand = { required: 2, publisherRenders: renders, dataToPublisher: data };
    const rendered = renderDsa(own, demand);
    expect('transparency' in rendered).toBe(isTold);
    expect(rendered).toMatchObject({ behalf: 'Shop', paid: 'Agency' });
  });

  it('names who used which of the user’s data, where anybody did', () => {
    const transparency = [{ domain: 'dsp.example', params: [1, 2] }];
    const demand = { required: 2, publisherRenders: 2 };
    expect(renderDsa({ ...statement, transparency }, demand)).toEqual({
      ...{ behalf: 'Shop', paid: 'Agency', adrender: 0 },
      transparency: [{ domain: 'dsp.example', dsaparams: [1, 2] }],
    });
    expect(renderDsa(statement, demand)).not.toHaveProperty('transparency');
  });
});
