import { saturationReason } from './saturation';

test('a creative that most have seen too often is saturated, with its figures', () => {
  expect(saturationReason({ bids: 1_000, repeats: 400 })).toBe(
    '40.0 % of 1000 bids were a fourth exposure or later, at least 37.0 %',
  );
});

test('few bids, or a share that chance explains, say nothing', () => {
  expect(saturationReason({ bids: 199, repeats: 199 })).toBeNull();
  expect(saturationReason({ bids: 200, repeats: 66 })).toBeNull();
  expect(saturationReason({ bids: 100_000, repeats: 29_000 })).toBeNull();
});
