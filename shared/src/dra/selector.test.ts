import { expect, test } from "vitest";
import { compileSelector } from "./selector.ts";

const device = {
  name: "gpu-0",
  attributes: {
    model: { string: "a100" },
    "other.example.com/cores": { int: 4 },
    "driver-version": { version: "1.2.3" },
    ecc: { bool: true },
  },
  capacity: { memory: { value: "40Gi" } },
};
const own = 'device.attributes["gpu.example.com"]';

test.each<[expression: string, matches: boolean]>([
  ['device.driver == "gpu.example.com"', true],
  [`${own}.model == "a100" && ${own}.ecc`, true],
  ["device.attributes['other.example.com'].cores > 4", false],
  ['device.capacity["gpu.example.com"].memory.compareTo(quantity("10Gi")) >= 0', true],
  [`${own}["driver-version"].isGreaterThan(semver("1.2.0"))`, true],
  ['"model" in device.attributes["nobody.example.com"]', false],
  [`has(${own}.nothing)`, false],
  [`has(${own}.model) && ${own}.?model.orValue("") == "a100"`, true],
  [`cel.bind(mine, ${own}, mine.model.startsWith("a"))`, true],
  ["device.allowMultipleAllocations", false],
])("%s", (expression, matches) => {
  const program = compileSelector(expression);
  expect(program.type).toMatch(/^(bool|dyn)/);
  expect(program.matches("gpu.example.com", device)).toBe(matches);
});

test("a device without attributes has none of its driver", () => {
  const has = (name: string): boolean =>
    compileSelector(`"${name}" in device.attributes[device.driver]`).matches("gpu.example.com", {
      name: "bare",
    });
  expect(has("model")).toBe(false);
});

test("what is not there, and what is neither true nor false, is an error", () => {
  expect(() => compileSelector("device.size > 3")).toThrow("undefined field 'size'");
  expect(() => compileSelector(`${own}.nothing == 1`).matches("gpu.example.com", device)).toThrow(
    "no such key",
  );
  expect(() => compileSelector(`${own}.model`).matches("gpu.example.com", device)).toThrow("not bool");
});
