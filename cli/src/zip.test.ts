import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { unzip } from "./zip.ts";

interface Entry {
  readonly name: string;
  readonly content: Buffer;
  readonly deflate: boolean;
}

/** Writes an archive, so that the reader is tested against the format and not against a file. */
function zip(entries: readonly Entry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, deflate } of entries) {
    const data = deflate ? deflateRawSync(content) : content;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(Buffer.byteLength(name), 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(deflate ? 8 : 0, 10);
    entry.writeUInt32LE(data.length, 20);
    entry.writeUInt32LE(content.length, 24);
    entry.writeUInt16LE(Buffer.byteLength(name), 28);
    entry.writeUInt32LE(offset, 42);
    directory.push(entry, Buffer.from(name));
    parts.push(local, Buffer.from(name), data);
    offset += 30 + Buffer.byteLength(name) + data.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

test("any file of an archive comes out as it went in", () => {
  const entry = fc.record({
    name: fc.stringMatching(/^[a-z/]{1,20}$/),
    content: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
    deflate: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.uniqueArray(entry, { selector: ({ name }) => name, maxLength: 6 }), (entries) => {
      const archive = zip(entries);
      for (const { name, content } of entries) expect(unzip(archive, name)?.equals(content)).toBe(true);
    }),
  );
});

test("a file that is not there is undefined", () => {
  expect(unzip(zip([]), "kubectl")).toBeUndefined();
});

test("what is no archive is refused", () => {
  expect(() => unzip(Buffer.from("<html>not found</html>"), "kubectl")).toThrow("not a zip archive");
});
