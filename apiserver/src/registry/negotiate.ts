import { notAcceptable } from "@coracle/shared/errors.ts";

export type Transform = "" | "Table" | "PartialObjectMetadata" | "PartialObjectMetadataList";

/** What a client wants to read. Protobuf is answered in JSON: every client that asks for it reads JSON too. */
export interface Accepted {
  readonly format: "json" | "yaml";
  readonly as: Transform;
  /** Version of meta.k8s.io for the transform. */
  readonly version: string;
}

const plain: Accepted = { format: "json", as: "", version: "" };
const offered = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
const transforms = new Set<string>(["Table", "PartialObjectMetadata", "PartialObjectMetadataList"]);
const metaVersions = new Set(["v1", "v1beta1"]);

/** Few different headers arrive, many times; the bound only keeps out a flood of made-up ones. */
const known = new Map<string, Accepted | null>();
const maxKnown = 1000;

/** Reads an Accept header. @throws ApiError 406 */
export function negotiate(accept: string | undefined): Accepted {
  if (!accept) return plain;
  let found = known.get(accept);
  if (found === undefined) {
    found = choose(accept);
    if (known.size >= maxKnown) known.clear();
    known.set(accept, found);
  }
  if (!found) throw notAcceptable(offered);
  return found;
}

export interface MediaRange {
  readonly type: string;
  readonly params: ReadonlyMap<string, string>;
  readonly q: number;
}

/** The ranges of an Accept header, the most wanted first. */
export function mediaRanges(accept: string): MediaRange[] {
  return accept
    .split(",")
    .map((clause) => {
      const [type = "", ...rest] = clause.split(";").map((part) => part.trim());
      const params = new Map<string, string>();
      for (const part of rest) {
        const [name = "", value = ""] = part.split("=", 2);
        params.set(name.trim().toLowerCase(), value.trim().replaceAll('"', ""));
      }
      const q = Number(params.get("q") ?? "1");
      return { type: type.toLowerCase(), params, q: Number.isNaN(q) ? 1 : q };
    })
    .filter((range) => range.type !== "" && range.q > 0)
    .toSorted((a, b) => b.q - a.q);
}

function formatOf(type: string): Accepted["format"] | undefined {
  switch (type) {
    case "*/*":
    case "application/*":
    case "application/json":
    case "application/vnd.kubernetes.protobuf":
      return "json";
    case "application/yaml":
      return "yaml";
    default:
      return undefined;
  }
}

function choose(accept: string): Accepted | null {
  for (const { type, params } of mediaRanges(accept)) {
    const format = formatOf(type);
    if (!format) continue;
    const as = params.get("as");
    if (!as) return { format, as: "", version: "" };
    const version = params.get("v") ?? "";
    if (params.get("g") === "meta.k8s.io" && transforms.has(as) && metaVersions.has(version)) {
      return { format, as: as as Transform, version };
    }
  }
  return null;
}
