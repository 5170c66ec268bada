import { expect, it } from "vitest";
import { describeComments, prose } from "./comments.ts";
import { parseGo } from "./go.ts";
import { parseProto } from "./proto.ts";

it("joins lines, keeps paragraphs and indented lines, and leaves out what is for generators", () => {
  expect(
    prose([
      "What it is. ",
      "More of it.",
      "",
      "Forms:",
      "  - one",
      "  - two",
      "TODO: say more",
      "+optional",
      "---",
      "for authors",
    ]),
  ).toBe("What it is. More of it.\n\nForms:\n  - one\n  - two");
});

it("describes fields that refer to a type, and those of a type that is inlined", () => {
  const proto = parseProto(`package k8s.io.api.x.v1;
// Outer holds an inner one.
message Outer {
  // The one inside.
  optional Inner inner = 1;

  // Has more fields.
  optional Common common = 2;

  optional string bare = 3;
}

message Silent {
  optional Common common = 1;
}

// Common is shared.
message Common {
  // Shared by all.
  optional string shared = 1;
}
`);
  const go = parseGo(
    [
      "type Outer struct {",
      '\tInner Inner `json:"inner" protobuf:"bytes,1,opt,name=inner"`',
      '\tCommon `json:",inline" protobuf:"bytes,2,opt,name=common"`',
      '\tBare string `json:"bare" protobuf:"bytes,3,opt,name=bare"`',
      "}",
      "type Silent struct {",
      '\tCommon `json:",inline" protobuf:"bytes,1,opt,name=common"`',
      "}",
      "type Common struct {",
      '\tShared string `json:"shared" protobuf:"bytes,1,opt,name=shared"`',
      "}",
    ].join("\n"),
  );
  const found = describeComments([{ proto, go }]);
  expect(found["io.k8s.api.x.v1.Silent"]).toEqual({ "": "", shared: "Shared by all." });
  expect(found["io.k8s.api.x.v1.Outer"]).toEqual({
    "": "Outer holds an inner one.",
    inner: "The one inside.",
    shared: "Shared by all.",
    bare: "",
  });
});
