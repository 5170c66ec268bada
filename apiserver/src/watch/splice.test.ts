import fc from "fast-check";
import { expect, it } from "vitest";
import { withResourceVersion } from "./splice.ts";

it("says what parsing, setting and printing would say", () => {
  const value = fc.jsonValue({ maxDepth: 4 });
  const object = fc
    .tuple(
      fc.dictionary(fc.string(), value),
      fc.dictionary(fc.string(), value),
      fc.dictionary(fc.string(), value),
    )
    .map(([before, metadata, after]) => ({ ...before, metadata, ...omitMetadata(after) }));
  fc.assert(
    fc.property(object, fc.integer({ min: 1 }), fc.constantFrom(0, 1), (o, revision, indent) => {
      const metadata = { ...o.metadata, resourceVersion: String(revision) };
      delete (o.metadata as Record<string, unknown>)["resourceVersion"];
      expect(JSON.parse(withResourceVersion(JSON.stringify(o, null, indent), revision))).toEqual({
        ...JSON.parse(JSON.stringify(o)),
        metadata: JSON.parse(JSON.stringify(metadata)),
      });
    }),
  );
});

it("leaves text alone that has no metadata", () => {
  for (const text of ["{}", '"x"', '{"a":"metadata"}', '{"spec":{"metadata":{}}}', '{"metadata":1}', ""]) {
    expect(withResourceVersion(text, 5)).toBe(text);
  }
});

const omitMetadata = (o: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(o).filter(([k]) => k !== "metadata"));
