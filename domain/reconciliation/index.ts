/**
 * Reconciliation: an exchange's invoice beside our books. Pure, and bigint throughout: sums of money that two sides
 * must agree on to the last unit do not pass through a double.
 */
export * from './compare-invoice';
export * from './invoice-rate';
export * from './read-invoice';
