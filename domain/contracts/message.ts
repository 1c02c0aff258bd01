import { z } from 'zod';

/**
 * Messages between parts of the control plane: JSON, at least once, each consumer idempotent by `messageId`. A payload changes by a
 * new schema version beside the old one, never in place; `docs/messages/` holds each as JSON Schema.
 */
export const ledgerEntryV1Schema = z.object({
  seq: z.number().int().positive(),
  key: z.string(),
  /** An open set: a consumer passes over kinds that it does not know. */
  kind: z.string(),
  publisher: z.string(),
  subject: z.string(),
  action: z.record(z.string(), z.unknown()),
  reason: z.string(),
  expiresAt: z.string().nullable(),
  recordedAt: z.string(),
  previousHash: z.string(),
  hash: z.string(),
});

/** Payload of each topic and version. */
export const MESSAGE_SCHEMAS = { 'ledger.appended': { 1: ledgerEntryV1Schema } } as const;
export const TOPICS = ['ledger.appended'] as const;
export type Topic = (typeof TOPICS)[number];

export const messageSchema = z.object({
  messageId: z.string().min(1).max(200),
  topic: z.enum(TOPICS),
  schemaVersion: z.number().int().positive(),
  producedAt: z.string(),
  payload: z.record(z.string(), z.unknown()),
});
export type Message = z.infer<typeof messageSchema>;
export type LedgerEntryV1 = z.infer<typeof ledgerEntryV1Schema>;

/** The payload checked against its topic and version, or null when this build does not know them. @throws ZodError. */
export function payloadOf(message: Message): LedgerEntryV1 | null {
  const versions: Record<number, z.ZodType<LedgerEntryV1>> = MESSAGE_SCHEMAS[message.topic];
  const schema = versions[message.schemaVersion];
  return schema === undefined ? null : schema.parse(message.payload);
}
