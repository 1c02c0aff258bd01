import { fillMacros, pathOf, readBid } from './bid-reader';

const bid = {
  id: 'd-1',
  impid: '1',
  price: 4.503217,
  crid: 'cr-1',
  nurl: 'https://edge.example:8443/n/win?t=abc&p=${AUCTION_PRICE}&m=${AUCTION_MIN_TO_WIN}',
  burl: 'http://127.0.0.1:1/n/bill?t=abc&p=${AUCTION_PRICE}',
  lurl: 'http://127.0.0.1:1/n/loss?t=abc&r=${AUCTION_LOSS}&m=${AUCTION_MIN_TO_WIN}',
  adm: '<a href="https://edge.example/n/click?t=abc&amp;x=1"><img src="https://cdn.example/a.png"></a>',
};

test('a bid is read with an exact price and its click path', () => {
  const read = readBid(JSON.stringify({ seatbid: [{ bid: [bid] }] }));
  expect(read).toMatchObject({ bidId: 'd-1', creativeId: 'cr-1', priceMicros: 4_503_217, clickPath: '/n/click?t=abc&x=1' });
});

test.each(['', '{', 'null', '{"seatbid":[]}', '{"seatbid":[{"bid":[{"id":"x","price":0}]}]}'])('%j holds no bid', (body) => {
  expect(readBid(body)).toBeNull();
});

test('macros are filled in path form, an undisclosed minimum stays empty', () => {
  expect(fillMacros(pathOf(bid.nurl), 4_500_000, 3_200_001, 0)).toBe('/n/win?t=abc&p=4.5&m=3.200001');
  expect(fillMacros(pathOf(bid.lurl), 0, null, 102)).toBe('/n/loss?t=abc&r=102&m=');
});
