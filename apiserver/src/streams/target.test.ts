import { expect, test } from "vitest";
import { commandOptions, containerOf, forwardPorts } from "./target.ts";

test("booleans are read as clients of other languages write them", () => {
  const query = new URLSearchParams("command=ls&stdin=False&stdout=True&stderr=1&tty=false");
  expect(commandOptions("exec", query)).toEqual({
    command: ["ls"],
    stdin: false,
    stdout: true,
    stderr: true,
    tty: false,
  });
});

test("with a terminal there is no separate standard error", () => {
  expect(
    commandOptions("exec", new URLSearchParams("command=sh&stdout=true&stderr=true&tty=true")),
  ).toMatchObject({ stderr: false, tty: true });
});

test("a command and a stream are required", () => {
  expect(() => commandOptions("exec", new URLSearchParams("stdout=true"))).toThrow(
    "you must specify at least 1 command for the container",
  );
  expect(() => commandOptions("exec", new URLSearchParams("command=ls"))).toThrow(
    "you must specify at least one of stdin, stdout, stderr",
  );
});

test("the container is the named one, or the only one", () => {
  const pod = { metadata: { name: "p" }, spec: { containers: [{ name: "a" }, { name: "b" }] } };
  expect(containerOf(pod, "b")).toBe("b");
  expect(() => containerOf(pod, "x")).toThrow("container x is not valid for pod p");
  expect(() => containerOf(pod, null)).toThrow(
    "a container name must be specified for pod p, choose one of: [a b]",
  );
});

test("ports of a forward are numbers in range", () => {
  expect(forwardPorts(new URLSearchParams("ports=80,443&ports=8080"))).toEqual([80, 443, 8080]);
  expect(() => forwardPorts(new URLSearchParams("ports=http"))).toThrow("must be a list of port numbers");
});
