/** What the engine gives of a container's files: a tar archive of one path. */
import type { Readable } from "node:stream";

const BLOCK = 512;
const NAME_BYTES = 100;
const SIZE = { at: 124, bytes: 12 };
const TYPE_AT = 156;
const REGULAR = new Set(["0", "\0"]);
/** No file that is asked for in this way is larger. */
const MAX_BYTES = 1 << 20;

/** The text of the first regular file in an archive; undefined when there is none. */
export async function firstFile(archive: Readable): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of archive) {
    parts.push(part as Buffer);
    length += (part as Buffer).length;
    if (length > MAX_BYTES) break;
  }
  archive.destroy();
  const bytes = Buffer.concat(parts);
  const header = bytes.subarray(0, BLOCK);
  if (header.length < BLOCK || header.subarray(0, NAME_BYTES).every((b) => b === 0)) return undefined;
  if (!REGULAR.has(String.fromCharCode(header[TYPE_AT] ?? 0))) return undefined;
  const size = parseInt(header.toString("latin1", SIZE.at, SIZE.at + SIZE.bytes), 8);
  return bytes.toString("utf8", BLOCK, BLOCK + size);
}
