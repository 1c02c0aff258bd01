test('the unit rung runs TypeScript', () => {
  const n: number = 1;
  expect(n + 1).toBe(2);
});
