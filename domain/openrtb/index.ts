/**
 * OpenRTB 2.5/2.6: what an exchange sends (validated by hand, normalised with privacy enforced) and what Adloop answers.
 * Unknown fields and enum values are tolerated; broken structure is a 400.
 */
export * from './bid-life';
export * from './landing-url';
export * from './normalise-request';
export * from './render-response';
export * from './validate-request';
