/**
 * Turns parsed JSON into an object of a type, the way upstream's decoder does: unknown fields are dropped (and reported),
 * a wrong type is an error in Go's words, nulls and empty optional fields disappear, quantities and times take their
 * canonical form. Each type is compiled once into closures; a request costs one walk over its own fields, in place.
 */
import { goType, valueName } from "./go-names.ts";
import { canonicalQuantity } from "./quantity.ts";
import { canonicalDuration, canonicalMicroTime, canonicalTime } from "./time.ts";
import type { Field, ListNode, MapNode, Node, ObjectNode, ScalarNode } from "./node.ts";

export interface DecodeResult {
  /** The same object, changed in place. */
  readonly object: Record<string, unknown>;
  /** `unknown field "spec.foo"`, in document order. */
  readonly unknown: readonly string[];
  /** The first type error, in upstream's words; the object must be refused. */
  readonly error: string | undefined;
}

interface Context {
  /** Segments as upstream prints them: `.spec`, `[0]`; with the keys of maps as `/key`. */
  readonly path: string[];
  struct: string;
  unknown: string[];
  error: string | undefined;
  depth: number;
}
type Decoder = (value: unknown, ctx: Context) => unknown;

/** Values nested deeper are refused; only free-form JSON can get there. */
const maxDepth = 1000;
const compiled = new WeakMap<Node, Decoder>();

/** Checks, prunes and normalises `value` as a `node`. */
export function decodeObject(node: ObjectNode, value: unknown): DecodeResult {
  const ctx: Context = { path: [], struct: "", unknown: [], error: undefined, depth: 0 };
  const object = decoderOf(node)(value, ctx);
  return {
    object: typeof object === "object" && object !== null ? (object as Record<string, unknown>) : {},
    unknown: ctx.unknown,
    error: ctx.error,
  };
}

function decoderOf(node: Node): Decoder {
  const known = compiled.get(node);
  if (known) return known;
  // Types may contain themselves: while one is being compiled, references go through the table.
  compiled.set(node, (value, ctx) => compiled.get(node)!(value, ctx));
  const decoder = compile(node);
  compiled.set(node, decoder);
  return decoder;
}

function compile(node: Node): Decoder {
  switch (node.kind) {
    case "scalar":
      return compileScalar(node);
    case "object":
      return compileObject(node);
    case "map":
      return compileMap(node);
    case "list":
      return compileList(node);
    case "any":
      return (value, ctx) => {
        if (node.objectOnly && (typeof value !== "object" || Array.isArray(value)))
          return mismatch(value, ctx, node);
        checkDepth(value, ctx, 0);
        return value;
      };
    case "choice": {
      const object = decoderOf(node.object);
      const list = node.list && decoderOf(node.list);
      return (value, ctx) => {
        if (Array.isArray(value)) return list ? list(value, ctx) : mismatch(value, ctx, node);
        if (typeof value === "boolean" && node.boolean) return value;
        return object(value, ctx);
      };
    }
  }
}

function checkDepth(value: unknown, ctx: Context, depth: number): void {
  if (typeof value !== "object" || value === null) return;
  if (depth + ctx.depth > maxDepth) {
    ctx.error ??= "exceeded max depth";
    return;
  }
  for (const item of Object.values(value)) checkDepth(item, ctx, depth + 1);
}

interface CompiledField {
  readonly segment: string;
  readonly decode: Decoder;
  /** What an empty value is for a field that leaves it out; undefined when it is always written. */
  readonly drop: ((value: unknown) => boolean) | undefined;
}

function compileObject(node: ObjectNode): Decoder {
  const fields = new Map<string, CompiledField>();
  const fills: [name: string, make: (ctx: Context) => unknown][] = [];
  const additional = node.additional && decoderOf(node.additional);
  const struct = node.name.slice(node.name.lastIndexOf(".") + 1);
  for (const field of node.fields.values()) {
    const decode = decoderOf(field.node);
    fields.set(field.name, { segment: `.${field.name}`, decode, drop: dropRule(field) });
    const make = zeroOf(field, decode);
    if (make) fills.push([field.name, make]);
  }
  return (value, ctx) => {
    if (value === null || value === undefined) return undefined;
    if (typeof value !== "object" || Array.isArray(value)) return mismatch(value, ctx, node);
    if (++ctx.depth > maxDepth) {
      ctx.error ??= "exceeded max depth";
      return undefined;
    }
    const object = value as Record<string, unknown>;
    const outer = ctx.struct;
    ctx.struct = struct;
    for (const key in object) {
      const field = fields.get(key);
      const before = object[key];
      if (field === undefined) {
        if (additional) decodeAdditional(object, key, additional, ctx);
        else {
          ctx.unknown.push(`unknown field "${pathText(ctx, `.${key}`)}"`);
          delete object[key];
        }
        continue;
      }
      ctx.path.push(field.segment);
      const after = before === null ? undefined : field.decode(before, ctx);
      ctx.path.pop();
      if (after === undefined || (field.drop !== undefined && field.drop(after))) delete object[key];
      else if (after !== before) object[key] = after;
    }
    for (const [name, make] of fills) {
      if (object[name] === undefined) object[name] = make(ctx);
    }
    ctx.struct = outer;
    ctx.depth--;
    return object;
  };
}

function decodeAdditional(object: Record<string, unknown>, key: string, decode: Decoder, ctx: Context): void {
  ctx.path.push(`.${key}`);
  const before = object[key];
  const after = decode(before, ctx);
  ctx.path.pop();
  if (after !== before && key !== "__proto__") object[key] = after;
}

const isZeroScalar = (value: unknown): boolean => value === "" || value === 0 || value === false;
const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
const isEmptyObject = (value: unknown): boolean => {
  for (const _ in value as object) return false;
  return true;
};

function dropRule(field: Field): ((value: unknown) => boolean) | undefined {
  const { go, node } = field;
  if (!go || go.pointer) return undefined;
  if (node.kind === "object") return go.omitZero ? isEmptyObject : undefined;
  if (!go.omitEmpty) return undefined;
  if (node.kind === "list") return isEmptyList;
  if (node.kind === "map") return isEmptyObject;
  // Quantities, times and int-or-strings are structs in Go: only scalars proper are left out when zero.
  if (
    node.kind === "scalar" &&
    ["string", "boolean", "int32", "int64", "double", "bytes"].includes(node.type)
  )
    return isZeroScalar;
  return undefined;
}

/** What upstream writes for a field that is absent: Go has no absent strings, numbers or structs without a pointer. */
function zeroOf(field: Field, decode: Decoder): ((ctx: Context) => unknown) | undefined {
  const { go, node } = field;
  if (!go || go.pointer) return undefined;
  if (node.kind === "object") return go.omitZero ? undefined : (ctx) => decode({}, ctx);
  if (node.kind !== "scalar") return undefined;
  if (node.type === "quantity") return () => "0";
  if (go.omitEmpty) return undefined;
  switch (node.type) {
    case "string":
    case "bytes":
      return () => "";
    case "boolean":
      return () => false;
    case "int32":
    case "int64":
    case "double":
      return () => 0;
    default:
      return undefined;
  }
}

function compileMap(node: MapNode): Decoder {
  const decode = decoderOf(node.values);
  const zero = zeroElement(node.values, decode);
  return (value, ctx) => {
    if (value === null || value === undefined) return undefined;
    if (typeof value !== "object" || Array.isArray(value)) return mismatch(value, ctx, node);
    const object = value as Record<string, unknown>;
    for (const key in object) {
      const before = object[key];
      ctx.path.push(`/${key}`);
      const after = before === null ? zero(ctx) : (decode(before, ctx) ?? zero(ctx));
      ctx.path.pop();
      if (after !== before && key !== "__proto__") object[key] = after;
    }
    return object;
  };
}

function compileList(node: ListNode): Decoder {
  const decode = decoderOf(node.items);
  const zero = zeroElement(node.items, decode);
  return (value, ctx) => {
    if (value === null || value === undefined) return undefined;
    if (!Array.isArray(value)) return mismatch(value, ctx, node);
    for (let i = 0; i < value.length; i++) {
      const before: unknown = value[i];
      ctx.path.push(`[${i}]`);
      const after = before === null ? zero(ctx) : (decode(before, ctx) ?? zero(ctx));
      ctx.path.pop();
      if (after !== before) value[i] = after;
    }
    return value;
  };
}

/** A null inside a list or map becomes the element's zero value. */
function zeroElement(node: Node, decode: Decoder): (ctx: Context) => unknown {
  if (node.kind === "object") return (ctx) => decode({}, ctx);
  if (node.kind !== "scalar") return () => null;
  if (node.type === "quantity") return () => "0";
  if (node.type === "boolean") return () => false;
  if (node.type === "time" || node.type === "microTime") return () => null;
  return ["int32", "int64", "double", "intOrString"].includes(node.type) ? () => 0 : () => "";
}

function compileScalar(node: ScalarNode): Decoder {
  switch (node.type) {
    case "string":
      return (value, ctx) => (typeof value === "string" ? value : mismatch(value, ctx, node));
    case "boolean":
      return (value, ctx) => (typeof value === "boolean" ? value : mismatch(value, ctx, node));
    case "int32":
      return (value, ctx) =>
        typeof value === "number" && (value | 0) === value ? value : mismatch(value, ctx, node);
    case "int64":
      return (value, ctx) =>
        typeof value === "number" && Number.isInteger(value) && Math.abs(value) <= 2 ** 63
          ? value
          : mismatch(value, ctx, node);
    case "double":
      return (value, ctx) => (typeof value === "number" ? value : mismatch(value, ctx, node));
    case "bytes":
      return (value, ctx) => (typeof value === "string" ? base64(value, ctx) : mismatch(value, ctx, node));
    case "quantity":
      return (value, ctx) =>
        typeof value === "string" || typeof value === "number"
          ? attempt(canonicalQuantity, value, ctx)
          : mismatch(value, ctx, node);
    case "intOrString":
      return (value, ctx) =>
        typeof value === "string" || (typeof value === "number" && (value | 0) === value)
          ? value
          : mismatch(value, ctx, node);
    case "time":
      return text(canonicalTime, node);
    case "microTime":
      return text(canonicalMicroTime, node);
    case "duration":
      return text(canonicalDuration, node);
  }
}

const text =
  (canonical: (text: string) => string, node: ScalarNode): Decoder =>
  (value, ctx) =>
    typeof value === "string" ? attempt(canonical, value, ctx) : mismatch(value, ctx, node);

/** Runs a parser whose own message is the error, as a custom unmarshaller's is upstream. */
function attempt<T>(parse: (value: T) => string, value: T, ctx: Context): string | undefined {
  try {
    return parse(value);
  } catch (error) {
    ctx.error ??= error instanceof Error ? error.message : String(error);
    return undefined;
  }
}

const base64Form = /^[A-Za-z0-9+/]*={0,2}$/;
function base64(value: string, ctx: Context): string | undefined {
  if (value.length % 4 === 0 && base64Form.test(value)) return value;
  const joined = value.replace(/[\r\n]/g, "");
  if (joined.length % 4 === 0 && base64Form.test(joined)) return joined;
  const bad = /^[A-Za-z0-9+/]*/.exec(joined)?.[0].length ?? 0;
  ctx.error ??= `illegal base64 data at input byte ${bad === joined.length ? bad - (bad % 4) : bad}`;
  return undefined;
}

/** Upstream's path of a strict error: no leading dot, keys of maps like fields. */
const pathText = (ctx: Context, last: string): string =>
  [...ctx.path, last]
    .map((s) => (s.startsWith("/") ? `.${s.slice(1)}` : s))
    .join("")
    .replace(/^\./, "");

function mismatch(value: unknown, ctx: Context, node: Node): undefined {
  // A null is no value at all, wherever it stands.
  if (value === null || value === undefined || ctx.error !== undefined) return undefined;
  const fields = ctx.path.filter((s) => s.startsWith(".")).map((s) => s.slice(1));
  const where = fields.length > 0 ? `Go struct field ${ctx.struct}.${fields.join(".")}` : "Go value";
  ctx.error = `json: cannot unmarshal ${valueName(value, node)} into ${where} of type ${goType(node)}`;
  return undefined;
}
