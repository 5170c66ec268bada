/** The types of the schema as expressions see them, for checking an expression before there is any value. */
import type { Environment } from "@coracle/shared/cel/library.ts";
import { escapedName } from "../../apiextensions/schema/typed-value.ts";
import type { Node, ObjectNode, ScalarType } from "../../schema/node.ts";

/** Times and bytes are left open: a policy meets them as text, whatever their schema says. */
const scalars: Readonly<Record<ScalarType, string>> = {
  string: "string",
  quantity: "string",
  boolean: "bool",
  int32: "int",
  int64: "int",
  double: "double",
  bytes: "dyn",
  intOrString: "dyn",
  time: "dyn",
  microTime: "dyn",
  duration: "string",
};

/** Declares a kind's type with all its parts, named with the prefix. @returns the name to declare variables with */
export function declareKind(environment: Environment, node: ObjectNode, prefix: string): string {
  const names = new Map<ObjectNode, string>();
  const open = new Set<ObjectNode>();

  const declare = (part: Node): string => {
    switch (part.kind) {
      case "scalar":
        return scalars[part.type];
      case "list":
        return `list<${declare(part.items)}>`;
      case "map":
        return `map<string, ${declare(part.values)}>`;
      case "object":
        return part.additional ? "dyn" : declareObject(part);
      default:
        return "dyn";
    }
  };
  const declareObject = (part: ObjectNode): string => {
    const known = names.get(part);
    if (known !== undefined) return known;
    // A type that contains itself cannot be named before it is declared.
    if (open.has(part)) return "dyn";
    open.add(part);
    const fields: Record<string, string> = {};
    for (const [key, field] of part.fields) {
      const escaped = escapedName(key);
      if (escaped !== undefined) fields[escaped] = declare(field.node);
    }
    open.delete(part);
    const name = `${prefix}${names.size}`;
    environment.registerType(name, { fields });
    names.set(part, name);
    return name;
  };
  return declareObject(node);
}
