import { describe, expect, it } from "vitest";
import type { Authorize } from "./authorize.ts";
import { reviewAccess, reviewedRequest, validateReview } from "./reviews.ts";

describe("access reviews", () => {
  const authorize: Authorize = () => ({ allowed: false, reason: "" });
  const selecting = (requirement: object) =>
    reviewAccess(
      authorize,
      { username: "alice", groups: [] },
      {
        resourceAttributes: {
          verb: "list",
          resource: "pods",
          fieldSelector: { requirements: [requirement as never] },
        },
      },
    );
  const about = (fieldSelector: object): string[] =>
    validateReview({ resourceAttributes: { fieldSelector } }, false).map((e) => `${e.field}: ${e.message}`);

  it("refuse a selector in two forms or in none", () => {
    const at = "spec.resourceAttributes.fieldSelector";
    const one = { key: "a", operator: "In", values: ["b"] };
    expect(about({ requirements: [one] })).toEqual([]);
    expect(about({ rawSelector: "a=b", requirements: [one] })).toEqual([
      `${at}.rawSelector: Invalid value: "a=b": may not specified at the same time as requirements`,
    ]);
    expect(about({})).toEqual([
      `${at}.requirements: Required value: when ${at} is specified, requirements or rawSelector is required`,
    ]);
    expect(
      about({
        requirements: [
          { key: "", operator: "NotIn" },
          { ...one, operator: "Exists" },
        ],
      }),
    ).toEqual([
      `${at}.requirements[0].key: Required value: must be specified`,
      `${at}.requirements[0].values: Required value: must be specified when \`operator\` is 'In' or 'NotIn'`,
      `${at}.requirements[1].values: Forbidden: may not be specified when \`operator\` is 'Exists' or 'DoesNotExist'`,
    ]);
  });

  it("tell what of a selector they could not take into account", () => {
    expect(selecting({ key: "a", operator: "In", values: ["b"] })).toEqual({ allowed: false });
    expect(selecting({ key: "a", operator: "In", values: ["b", "c"] })).toEqual({
      allowed: false,
      evaluationError: "spec.resourceAttributes.fieldSelector ignored due to parse error",
    });
  });

  it("do not take a selector that excludes for one that selects", () => {
    const attributes = (operator: string) =>
      reviewedRequest({
        resourceAttributes: {
          verb: "list",
          resource: "pods",
          fieldSelector: { requirements: [{ key: "spec.nodeName", operator, values: ["n1"] }] },
        },
      }).fieldSelector;
    expect([attributes("In"), attributes("NotIn")]).toEqual(["spec.nodeName=n1", "spec.nodeName!=n1"]);
  });
});
