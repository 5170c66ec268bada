import { expect, test } from "vitest";
import { leaseIdentity } from "./identity.ts";

const own = {
  hostname: "f2bc5834d777",
  pid: 1,
  addresses: ["172.30.0.6", "172.19.0.2"],
  servers: ["127.0.0.11"],
};

test("a container that replaces another holds what that held", async () => {
  const names: Readonly<Record<string, readonly string[]>> = {
    "172.30.0.6": ["coracle-scheduler-1.coracle_nodes"],
    "172.19.0.2": ["coracle-scheduler-1.coracle_default"],
  };
  const namesOf = (address: string) => Promise.resolve(names[address] ?? []);
  const before = await leaseIdentity({ ...own, namesOf });
  expect(before).toBe("coracle-scheduler-1.coracle_default_1");
  expect(await leaseIdentity({ ...own, hostname: "2860f78af71d", namesOf })).toBe(before);
});

test("two processes that run at a time are two holders, whatever their names have in common", async () => {
  const named = (name: string, servers = own.servers) =>
    leaseIdentity({ ...own, hostname: name, servers, namesOf: () => Promise.resolve([name]) });
  expect(await named("my.one-scheduler-1.net")).not.toBe(await named("my.two-scheduler-1.net"));
  // A DNS that is not the engine's has names of its own: one for all hosts of a provider, say.
  const elsewhere = (hostname: string) =>
    leaseIdentity({
      ...own,
      hostname,
      servers: ["10.0.0.2"],
      namesOf: () => Promise.resolve(["static.example"]),
    });
  expect(await elsewhere("a")).toBe("a_1");
  expect(await elsewhere("b")).toBe("b_1");
});

test("without an engine's DNS it is the host's name", async () => {
  const refused = () => Promise.reject(new Error("ENOTFOUND"));
  expect(await leaseIdentity({ ...own, namesOf: refused })).toBe("f2bc5834d777_1");
  expect(await leaseIdentity({ ...own, addresses: [], namesOf: refused })).toBe("f2bc5834d777_1");
});
