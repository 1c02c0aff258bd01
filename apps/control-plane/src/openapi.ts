import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import { cleanupOpenApiDoc } from 'nestjs-zod';

/** The API's OpenAPI 3.1 document, made of the same zod schemas that check requests. */
export function openApiDocument(app: NestFastifyApplication): OpenAPIObject {
  const outline = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Adloop control plane')
    .setDescription('Errors are RFC 9457 problem details with a stable `code`. Money is in integers: micros or nanos.')
    .setVersion('1')
    .addBearerAuth()
    .build();
  const document = SwaggerModule.createDocument(app, outline, {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  return cleanupOpenApiDoc(document, { version: '3.1' });
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
