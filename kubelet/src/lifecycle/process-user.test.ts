import { expect, test } from "vitest";
import { parseUser, userOf } from "./process-user.ts";

test("a process runs as a user, a group and more groups", () => {
  const status = "Name:\tsh\nUid:\t1000\t1000\t1000\t1000\nGid:\t7\t7\t7\t7\nGroups:\t60000 7 \n";
  expect(parseUser(status)).toEqual({ linux: { uid: 1000, gid: 7, supplementalGroups: [7, 60000] } });
  expect(parseUser("")).toBeUndefined();
  expect(userOf(process.pid)?.linux?.uid).toBe(process.getuid?.());
  expect(userOf(2 ** 30)).toBeUndefined();
});
