import { randomBytes } from "node:crypto";
import {
  natsMissing,
  natsTest,
  type TestNats,
  testNats,
} from "../../tests/support/nats.ts";
import { testBus } from "./bus_contract.ts";
import { connectNats } from "./nats.ts";
import { natsOptionsOf } from "./nats_options.ts";

let server: TestNats;
if (natsMissing === undefined) {
  Deno.test.beforeAll(async () => {
    server = await testNats();
  });
  Deno.test.afterAll(async () => await server[Symbol.asyncDispose]());
}

testBus("connectNats", () => {
  const prefix = `t${randomBytes(6).toString("hex")}`;
  return connectNats({ ...natsOptionsOf(server.address), prefix });
}, natsTest);
