import type { z } from 'zod';

/**
 * Lays the members of `patch` over `current` and reads the result by the contract's own schema, so that a change obeys every
 * rule across members. An unknown member is a fault of the schema (strict objects).
 * @throws ZodError with every fault.
 */
export function mergedInput<S extends z.ZodType>(
  schema: S,
  current: z.output<S>,
  patch: Record<string, unknown>,
): z.output<S> {
  return schema.parse({ ...(current as object), ...patch });
}
