import { expect, test } from "vitest";
import { leaseIdentity } from "./identity.ts";

const own = { hostname: "f2bc5834d777", pid: 1, addresses: ["172.30.0.6", "172.19.0.2"] };

test("a container that replaces another holds what that held", async () => {
  const names: Readonly<Record<string, readonly string[]>> = {
    "172.30.0.6": ["coracle-scheduler-1.coracle_nodes"],
    "172.19.0.2": ["coracle-scheduler-1.coracle_default"],
  };
  const namesOf = (address: string) => Promise.resolve(names[address] ?? []);
  const before = await leaseIdentity({ ...own, namesOf });
  expect(before).toBe("coracle-scheduler-1_1");
  expect(await leaseIdentity({ ...own, hostname: "2860f78af71d", namesOf })).toBe(before);
});

test("without an engine's DNS it is the host's name", async () => {
  const refused = () => Promise.reject(new Error("ENOTFOUND"));
  expect(await leaseIdentity({ ...own, namesOf: refused })).toBe("f2bc5834d777_1");
  expect(await leaseIdentity({ ...own, addresses: [], namesOf: refused })).toBe("f2bc5834d777_1");
});
