import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';

/** Largest segment accepted; edges seal at 4 MB. */
export const SEGMENT_MAX_BYTES = 8 << 20;

/** Lets Fastify take segments as raw bytes; without a parser it answers 415. */
@Injectable()
export class OctetStreamParser implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost<FastifyAdapter>) {}

  onModuleInit(): void {
    // Roots without HTTP (the Temporal worker) have no adapter.
    const fastify = this.host.httpAdapter?.getInstance();
    if (!fastify || fastify.hasContentTypeParser('application/octet-stream')) return;
    fastify.addContentTypeParser(
      'application/octet-stream',
      { parseAs: 'buffer', bodyLimit: SEGMENT_MAX_BYTES },
      (_request, body, done) => done(null, body),
    );
  }
}
