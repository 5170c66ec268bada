/** Names of values and types as Go prints them in its errors. */
import type { Node } from "./node.ts";

/** `number 1.5`, `string`, `array`, … */
export function valueName(value: unknown, node: Node): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "number")
    return node.kind === "scalar" && node.type.startsWith("int") ? `number ${value}` : "number";
  return typeof value === "boolean" ? "bool" : typeof value;
}

const goScalars: Readonly<Record<string, string>> = {
  boolean: "bool",
  double: "float64",
  bytes: "[]uint8",
  quantity: "resource.Quantity",
  intOrString: "int32",
  time: "string",
  microTime: "string",
  duration: "string",
};
const shortName = (name: string): string => name.split(".").slice(-2).join(".");

/** `[]v1.Container`, `int32`, `map[string]string`, … */
export function goType(node: Node): string {
  switch (node.kind) {
    case "scalar":
      return node.enumName ? shortName(node.enumName) : (goScalars[node.type] ?? node.type);
    case "object":
      return shortName(node.name);
    case "map":
      return `map[string]${goType(node.values)}`;
    case "list":
      return node.name ? shortName(node.name) : `[]${goType(node.items)}`;
    case "any":
      return "map[string]interface {}";
    case "choice":
      return shortName(node.name);
  }
}
