import { expect, test } from "vitest";
import { runtimeHandler } from "./handler.ts";

const pod = (runtimeClassName?: string) => ({
  metadata: {},
  spec: { containers: [], ...(runtimeClassName ? { runtimeClassName } : {}) },
});
const handlers = {
  classOf: (name: string) =>
    name === "gone" ? undefined : { metadata: { name }, handler: `${name}-handler` },
  known: ["kata-handler"],
};

test("a pod runs by the handler of its class, or by the engine's own", () => {
  expect(runtimeHandler(pod(), handlers)).toBeUndefined();
  expect(runtimeHandler(pod("kata"), handlers)).toBe("kata-handler");
});

test("a class that is gone, or whose handler the engine does not have, is told", () => {
  expect(() => runtimeHandler(pod("gone"), handlers)).toThrow('runtimeclass.node.k8s.io "gone" not found');
  expect(() => runtimeHandler(pod("other"), handlers)).toThrow(
    'no runtime for "other-handler" is configured',
  );
});
