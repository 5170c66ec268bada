import { expect, test } from "vitest";
import { createImageUsers, parseUsers } from "./users.ts";

const passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home:/bin/sh\n";
const group = "root:x:0:\n# none\nwheel:x:10:root,app\nextra:x:50000:app\n";

test("a user is found by name and by number, with the groups that list it", () => {
  const users = parseUsers(passwd, group);
  expect(users.primaryGroup("app")).toBe(1001);
  expect(users.primaryGroup("1000")).toBe(1001);
  expect(users.memberships("1000")).toEqual([10, 50000]);
  expect(users.primaryGroup("7")).toBeUndefined();
  expect(users.memberships("7")).toEqual([]);
});

test("an image without these files knows nobody", () => {
  const users = parseUsers(undefined, undefined);
  expect([users.primaryGroup("0"), users.memberships("0")]).toEqual([undefined, []]);
});

test("an image is read once, and again after a failure", async () => {
  let asked = 0;
  const imageFiles = () => {
    asked += 1;
    return asked === 1 ? Promise.reject(new Error("not now")) : Promise.resolve([passwd, group]);
  };
  const usersOf = createImageUsers({ imageFiles }, {});
  await expect(usersOf("i")).rejects.toThrow("not now");
  expect((await usersOf("i")).primaryGroup("app")).toBe(1001);
  await usersOf("i");
  expect(asked).toBe(2);
});
