/**
 * The v2 document in the protobuf form that older clients insist on. Field numbers are those of the published
 * OpenAPI v2 message definitions; extensions travel as YAML text, for which JSON will do.
 */
import protobuf from "protobufjs/minimal.js";
import type { Json } from "./definitions.ts";

type Writer = protobuf.Writer;
type Encode = (w: Writer, value: unknown) => void;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const message = (w: Writer, number: number, write: (w: Writer) => void): void => {
  w.uint32((number << 3) | 2).fork();
  write(w);
  w.ldelim();
};
const text =
  (number: number): Encode =>
  (w, value) => {
    w.uint32((number << 3) | 2).string(String(value));
  };
const texts =
  (number: number): Encode =>
  (w, value) => {
    for (const item of value as string[]) text(number)(w, item);
  };
const flag =
  (number: number): Encode =>
  (w, value) => {
    w.uint32(number << 3).bool(value === true);
  };
const whole =
  (number: number): Encode =>
  (w, value) => {
    w.uint32(number << 3).int64(Number(value));
  };
const decimal =
  (number: number): Encode =>
  (w, value) => {
    w.uint32((number << 3) | 1).double(Number(value));
  };
const nested =
  (number: number, encode: Encode): Encode =>
  (w, value) =>
    message(w, number, (inner) => encode(inner, value));
const repeated =
  (number: number, encode: Encode): Encode =>
  (w, value) => {
    for (const item of value as unknown[]) message(w, number, (inner) => encode(inner, item));
  };
/** A map is a list of (name, value) pairs. */
const named =
  (number: number, encode: Encode): Encode =>
  (w, value) => {
    for (const [name, item] of Object.entries(value as Json)) {
      message(w, number, (inner) => {
        text(1)(inner, name);
        message(inner, 2, (v) => encode(v, item));
      });
    }
  };
const any: Encode = (w, value) => text(2)(w, `${JSON.stringify(value)}\n`);

/** A message by its JSON keys; what starts with `x-` goes into the extensions. */
function object(fields: Readonly<Record<string, Encode>>, extensions: number): Encode {
  return (w, value) => {
    for (const [key, item] of Object.entries(value as Json)) {
      if (item === undefined) continue;
      if (key.startsWith("x-")) named(extensions, any)(w, { [key]: item });
      else fields[key]?.(w, item);
    }
  };
}

const schema: Encode = (w, value) => encodeSchema(w, value);
const encodeSchema = object(
  {
    $ref: text(1),
    format: text(2),
    title: text(3),
    description: text(4),
    default: nested(5, any),
    multipleOf: decimal(6),
    maximum: decimal(7),
    exclusiveMaximum: flag(8),
    minimum: decimal(9),
    exclusiveMinimum: flag(10),
    maxLength: whole(11),
    minLength: whole(12),
    pattern: text(13),
    maxItems: whole(14),
    minItems: whole(15),
    uniqueItems: flag(16),
    maxProperties: whole(17),
    minProperties: whole(18),
    required: texts(19),
    enum: repeated(20, any),
    additionalProperties: nested(21, (w, value) => {
      if (isObject(value)) message(w, 1, (inner) => schema(inner, value));
      else flag(2)(w, value);
    }),
    type: nested(22, (w, value) => texts(1)(w, Array.isArray(value) ? value : [value])),
    items: nested(23, (w, value) => message(w, 1, (inner) => schema(inner, value))),
    properties: nested(25, (w, value) => named(1, schema)(w, value)),
    example: nested(30, any),
  },
  31,
);

const bodyParameter = object(
  { description: text(1), name: text(2), in: text(3), required: flag(4), schema: nested(5, schema) },
  6,
);
const queryParameter = object(
  {
    required: flag(1),
    in: text(2),
    description: text(3),
    name: text(4),
    type: text(6),
    format: text(7),
    uniqueItems: flag(20),
  },
  23,
);
const pathParameter = object(
  {
    required: flag(1),
    in: text(2),
    description: text(3),
    name: text(4),
    type: text(5),
    format: text(6),
    uniqueItems: flag(19),
  },
  22,
);

/** ParametersItem → Parameter → the body's or another place's own message. */
const parameter: Encode = (w, value) =>
  message(w, 1, (item) => {
    const place = (value as Json)["in"];
    if (place === "body") message(item, 1, (inner) => bodyParameter(inner, value));
    else {
      message(item, 2, (other) => {
        if (place === "query") message(other, 3, (inner) => queryParameter(inner, value));
        else message(other, 4, (inner) => pathParameter(inner, value));
      });
    }
  });

/** SchemaItem → Schema, inside ResponseValue → Response. */
const response: Encode = (w, value) =>
  message(w, 1, (inner) =>
    object(
      { description: text(1), schema: nested(2, (item, s) => message(item, 1, (i) => schema(i, s))) },
      5,
    )(inner, value),
  );

const operation = object(
  {
    tags: texts(1),
    description: text(3),
    operationId: text(5),
    produces: texts(6),
    consumes: texts(7),
    parameters: repeated(8, parameter),
    responses: nested(9, named(1, response)),
    schemes: texts(10),
  },
  13,
);
const pathItem = object(
  {
    get: nested(2, operation),
    put: nested(3, operation),
    post: nested(4, operation),
    delete: nested(5, operation),
    patch: nested(8, operation),
    parameters: repeated(9, parameter),
  },
  10,
);

const apiKey = object({ type: text(1), name: text(2), in: text(3), description: text(4) }, 5);

const document = object(
  {
    swagger: text(1),
    info: nested(2, object({ title: text(1), version: text(2) }, 7)),
    paths: nested(8, named(2, pathItem)),
    definitions: nested(9, named(1, schema)),
    security: repeated(
      12,
      named(1, (w, value) => texts(1)(w, value)),
    ),
    securityDefinitions: nested(
      13,
      named(1, (w, value) => message(w, 2, (inner) => apiKey(inner, value))),
    ),
  },
  16,
);

/** Encodes a v2 document. */
export function encodeSwagger(swagger: Json): Buffer {
  const w = protobuf.Writer.create();
  document(w, swagger);
  return Buffer.from(w.finish());
}
