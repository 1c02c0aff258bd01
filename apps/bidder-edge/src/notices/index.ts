/**
 * Notices: what exchanges and browsers tell about bids this fleet made. One signed token per bid carries everything needed
 * to count an outcome; whatever is not in the token is not trusted.
 */
export * from './key-watch';
export * from './notice-price';
export * from './notice-token';
export * from './receive-notice';
export * from './token';
export * from './price-cipher';
export * from './price-reader';
