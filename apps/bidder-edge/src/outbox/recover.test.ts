import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { decodeFrames } from '#domain/contracts';
import { encodeFrame } from '../../../../test/fixtures/encode-frame';
import { recoverSegments } from './recover';
import { SegmentStore, segmentFolders } from './segment-store';

const frameOf = (json: string): Uint8Array => encodeFrame(Buffer.from(json), crc32);

describe('the outbox after a crash', () => {
  let home: string;
  beforeEach(() => (home = mkdtempSync(path.join(tmpdir(), 'adloop-outbox-'))));
  afterEach(() => rmSync(home, { recursive: true, force: true }));
  const limits = { sealAfterMs: 1000, sealAfterBytes: 1 << 20, maxBytes: 1 << 30 };

  it('keeps every whole frame, wherever the file was torn', () => {
    const whole = Buffer.concat([frameOf('{"a":1}'), frameOf('{"b":2}')]);
    const last = frameOf('{"c":3}');
    for (let cut = 0; cut < last.length; cut += 1) {
      const folders = segmentFolders(home);
      writeFileSync(path.join(folders.open, 'boot-000001.seg'), Buffer.concat([whole, last.subarray(0, cut)]));
      expect(recoverSegments(home)).toEqual({ segments: 1, events: 2, tornBytes: cut });
      const bytes = readFileSync(path.join(folders.sealed, 'boot-000001.seg'));
      expect(decodeFrames(bytes, crc32)).toMatchObject({ validBytes: whole.length });
      rmSync(path.join(folders.sealed, 'boot-000001.seg'));
    }
  });

  it('cuts from the first broken frame on and drops a file without any', () => {
    const folders = segmentFolders(home);
    const broken = frameOf('{"b":2}');
    broken[9] ^= 1;
    writeFileSync(path.join(folders.open, 'a-000001.seg'), Buffer.concat([frameOf('{"a":1}'), broken, frameOf('{}')]));
    writeFileSync(path.join(folders.open, 'a-000002.seg'), Buffer.from([1, 2, 3]));
    expect(recoverSegments(home)).toMatchObject({ segments: 1, events: 1 });
    expect(readdirSync(folders.sealed)).toEqual(['a-000001.seg']);
    expect(readdirSync(folders.open)).toEqual([]);
  });

  it('ships the oldest segment first, those of the last life before its own', async () => {
    appendFileSync(path.join(segmentFolders(home).open, 'old-000001.seg'), frameOf('{}'));
    recoverSegments(home);
    const store = new SegmentStore(home, 'new', limits, Date.now);
    await store.append(frameOf('{"x":1}'));
    await store.seal();
    expect(store.oldest()?.segmentId).toBe('old-000001');
    await store.drop({ segmentId: 'old-000001', bytes: 0 });
    expect(store.oldest()?.segmentId).toBe('new-000001');
    expect(store.bytes).toBe(frameOf('{"x":1}').length);
  });
});
