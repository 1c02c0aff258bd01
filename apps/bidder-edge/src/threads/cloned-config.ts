import type { EdgeConfig } from '../config';

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A configuration that came from another thread: what were Buffers are plain byte arrays until this. */
export function clonedConfig(config: EdgeConfig): EdgeConfig {
  return {
    ...config,
    noticeKeys: config.noticeKeys.map(bufferOf),
    userHashKey: bufferOf(config.userHashKey),
    priceKeys: new Map(
      [...config.priceKeys].map(([id, { encryption, integrity }]) => [
        id,
        { encryption: bufferOf(encryption), integrity: bufferOf(integrity) },
      ]),
    ),
  };
}
