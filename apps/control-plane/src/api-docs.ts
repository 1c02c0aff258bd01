import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiResponse } from '@nestjs/swagger';
import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import { PROBLEMS, type ProblemCode } from './problems/catalogue';

/** RFC 9457 problem details as every error of the API has them. */
export class ProblemDto extends createZodDto(
  z
    .object({
      type: z.string(),
      title: z.string(),
      status: z.number().int(),
      code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
      detail: z.string(),
      instance: z.string().optional(),
      errors: z.array(z.object({ pointer: z.string(), code: z.string(), detail: z.string() })).optional(),
    })
    .meta({ id: 'Problem' }),
) {}

/** Documents that a route needs a token and which problems it may answer beside 401 and 403. */
export function ApiProblems(...codes: ProblemCode[]): MethodDecorator & ClassDecorator {
  const byStatus = new Map<number, string[]>();
  for (const code of ['unauthenticated', 'forbidden', ...codes] as const) {
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const responses = [...byStatus].map(([status, ofStatus]) =>
    ApiResponse({ status, description: ofStatus.join(', '), type: ProblemDto }),
  );
  return applyDecorators(ApiBearerAuth(), ...responses);
}

/** Documents the optional `Idempotency-Key` header of a POST that acts. */
export const ApiIdempotent = (): MethodDecorator =>
  ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'The same key and body again gives the first answer again and changes nothing.',
    schema: { type: 'string', minLength: 1, maxLength: 200 },
  });

/** Documents the headers of a PUT that replaces or adds. */
export const ApiWriteCondition = (): MethodDecorator =>
  applyDecorators(
    ApiHeader({
      name: 'If-Match',
      required: false,
      description: 'ETag of the version to replace, or *. One of the two headers is needed.',
      schema: { type: 'string', maxLength: 50 },
    }),
    ApiHeader({
      name: 'If-None-Match',
      required: false,
      description: '* adds what is not there yet.',
      schema: { type: 'string', maxLength: 50 },
    }),
  );

/** Documents the `If-Match` header of a PATCH. */
export const ApiIfMatch = (): MethodDecorator =>
  ApiHeader({
    name: 'If-Match',
    required: true,
    description: 'ETag of the version that the change is based on, or *.',
    schema: { type: 'string', maxLength: 50 },
  });
