import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import { cleanupOpenApiDoc } from 'nestjs-zod';
import { z } from 'zod';

/** The API's OpenAPI 3.1 document, made of the same zod schemas that check requests. */
export function openApiDocument(app: NestFastifyApplication): OpenAPIObject {
  const outline = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Adloop control plane')
    .setDescription('Errors are RFC 9457 problem details with a stable `code`. Money is in integers: micros or nanos.')
    .setVersion('1')
    .addBearerAuth()
    .build();
  forgetSchemaIds();
  const document = SwaggerModule.createDocument(app, outline, {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  return withShortNames(cleanupOpenApiDoc(document, { version: '3.1' }));
}

/** GET /openapi.json. Made on first use, once every route is known. */
export function serveOpenApi(app: NestFastifyApplication): void {
  let text: string | null = null;
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  fastify.get('/openapi.json', async (_request, reply) => {
    text ??= JSON.stringify(openApiDocument(app));
    return reply.type('application/json').send(text);
  });
}

/**
 * zod 4.6 turns a root schema with an id into a reference to itself, which nestjs-zod 5.5 takes for a second schema of that
 * name and refuses. So ids are dropped before the document is made and components are named after their classes.
 */
function forgetSchemaIds(): void {
  for (const schema of [...z.globalRegistry._idmap.values()]) z.globalRegistry.remove(schema);
}

/** `CampaignDto` and `CampaignDto_Output` become `Campaign` and `Campaign_Output`, in components and references. */
function withShortNames(document: OpenAPIObject): OpenAPIObject {
  const text = JSON.stringify(document, (key, value: unknown) => {
    if (key === '$ref' && typeof value === 'string') return value.replace(/Dto(_Output)?$/, '$1');
    return value;
  });
  const renamed = JSON.parse(text) as OpenAPIObject;
  const schemas = Object.entries(renamed.components?.schemas ?? {});
  const short = Object.fromEntries(schemas.map(([name, schema]) => [name.replace(/Dto(_Output)?$/, '$1'), schema]));
  return { ...renamed, components: { ...renamed.components, schemas: short } };
}
