import { inflateRawSync } from "node:zlib";
import type { Descriptions } from "./definitions.ts";
import { packedDescriptions } from "./packed-descriptions.ts";

/** The descriptions that came with the API server; none where it was made without them. */
export function loadDescriptions(): Descriptions {
  const packed = packedDescriptions();
  if (packed === undefined) return {};
  return JSON.parse(inflateRawSync(Buffer.from(packed, "base64")).toString("utf8")) as Descriptions;
}
