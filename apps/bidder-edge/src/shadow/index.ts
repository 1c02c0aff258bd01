/** Shadow: policies under validation decide on a sample of live requests after the answer is out, without effect. */
export * from './shadow-queue';
