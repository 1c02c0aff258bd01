/** Verdict on a decoded body: `pointer` is a JSON pointer to the fault. */
export type Validation = { ok: true } | { ok: false; code: string; pointer: string; detail: string };

/** Checks the structure of a bid request: what fails here is answered with HTTP 400. */
export declare function validateBidRequest(raw: unknown): Validation;
