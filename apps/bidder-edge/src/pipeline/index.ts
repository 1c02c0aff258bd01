/**
 * Pipeline: one file per stage in the order a request meets them. receive -> decode -> match -> features -> decide ->
 * reserve -> respond -> record. The stages adapt; the thinking is in domain/.
 */
export * from './bid-path';
