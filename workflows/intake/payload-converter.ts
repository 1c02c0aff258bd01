import { defaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common';

/** Stands for bytes that are no value; the message guard refuses it. */
class Unreadable {
  constructor(readonly reason: string) {}
}

export const isUnreadable = (value: unknown): boolean => value instanceof Unreadable;

/**
 * The default converter, but for what workflows are sent: bytes that are no JSON, or of an unknown encoding, become a mark instead of
 * an error, because an error before the guard would fail the workflow task for ever. Answers of activities keep their errors.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: (value, context, hint) => defaultPayloadConverter.toPayload(value, context, hint),
  fromPayload<T>(payload: Payload, context?: Parameters<PayloadConverter['fromPayload']>[1]): T {
    try {
      return defaultPayloadConverter.fromPayload<T>(payload, context);
    } catch (error) {
      if (context?.type !== 'workflow') throw error;
      return new Unreadable(String(error)) as T;
    }
  },
};
