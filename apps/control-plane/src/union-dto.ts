import { createZodDto, type ZodDto } from 'nestjs-zod';
import type { z } from 'zod';

/**
 * Base of a DTO whose schema is a union. A class cannot extend a union's type: to the compiler its instances are objects, and a handler says
 * which.
 */
export function unionDto<S extends z.ZodType<object>>(schema: S): ZodDto<z.ZodType<object>, false> {
  return createZodDto<z.ZodType<object>>(schema);
}
